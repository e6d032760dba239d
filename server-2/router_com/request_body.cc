#include "router_com/request_body.h"

#include "base/limits.h"

namespace openpcc::router_com {
namespace {

constexpr auto kPingLimit = std::chrono::seconds(2);

}  // namespace

Uploads::Place::Place(Uploads& uploads) : uploads_(uploads), taken_(uploads.count_.fetch_add(1) < kMost) {}

Uploads::Place::~Place() {
  --uploads_.count_;
}

net::Task<Result<RequestBody>> receive_body(net::Exchange& exchange, WorkerLink& link, Uploads& uploads) {
  RequestBody body;
  while (body.bytes.size() < limits::kSealedRequest) {
    const auto piece = exchange.buffered_piece();
    if (!piece) break;
    if (!*piece) co_return std::unexpected(piece->error());
    body.complete = (*piece)->empty();
    if (body.complete) co_return body;
    append(body.bytes, **piece);
  }
  const Uploads::Place place(uploads);
  if (!place) co_return fail(kBusy, "too many requests are being received");
  OPENPCC_CO_TRY(const auto pong, co_await link.ping(kPingLimit));
  if (!pong.room) co_return fail(kBusy, "all workers are busy");
  while (body.bytes.size() <= limits::kSealedRequest) {
    OPENPCC_CO_TRY(const ByteView piece, co_await exchange.read_piece());
    body.complete = piece.empty();
    if (body.complete) co_return body;
    append(body.bytes, piece);
  }
  co_return body;
}

}  // namespace openpcc::router_com
