// The endpoints that read and write the registry: POST /node-events and POST /compute-manifests.
#include <spdlog/spdlog.h>

#include "handlers.h"
#include "net/server.h"

namespace openpcc::router {
namespace {

using net::Exchange;
using net::Handler;
using net::Reply;
using net::Task;

constexpr const char* kBinary = "application/octet-stream";

// The steps that every endpoint with a protobuf body shares (PROTOCOL G.1, openpcc httpfmt/binary.go): the body, or the
// refusal.
Task<std::expected<Bytes, Reply>> read_binary(Exchange& exchange, size_t max_size) {
  if (net::field_or_empty(exchange.request().fields, "Content-Type") != kBinary) {
    co_return std::unexpected(net::protobuf_error(400, "invalid Content-Type, requires 'application/octet-stream'"));
  }
  auto body = co_await exchange.read_all(max_size);
  if (body) co_return *std::move(body);
  if (body.error().code == net::kTooLarge) {
    co_return std::unexpected(net::protobuf_error(413, "request body too large"));
  }
  co_return std::unexpected(net::protobuf_error(400, "failed to read body"));
}

class NodeEvents final : public Handler {
 public:
  explicit NodeEvents(Shared& shared) : shared_(shared) {}

  Task<void> handle(Exchange& exchange) override {
    const auto body = co_await read_binary(exchange, wire::kMaxNodeEventSize);
    const Reply reply = body ? take(*body) : body.error();
    (void)co_await exchange.respond(reply);
  }

 private:
  Reply take(ByteView body) {
    const auto event = wire::decode_node_event(body);
    if (!event) return net::protobuf_error(400, "invalid binary data");
    const auto changed = shared_.registry.add_event(*event, now());
    if (!changed && changed.error().code == node::kFull) {
      spdlog::warn("node {} refused: {}", event->node_id.to_string(), changed.error().message);
      return net::protobuf_error(503, changed.error().message);
    }
    if (!changed) {
      spdlog::warn("node {} refused: {}", event->node_id.to_string(), changed.error().message);
      return net::protobuf_error(400, "invalid binary data");
    }
    spdlog::debug("event {} of node {}{}", event->event_index, event->node_id.to_string(),
                  *changed ? "" : " (ignored)");
    return {200, kBinary, ""};
  }

  Shared& shared_;
};

class Manifests final : public Handler {
 public:
  Manifests(net::Loop& loop, Shared& shared) : loop_(loop), shared_(shared) {}

  Task<void> handle(Exchange& exchange) override {
    const auto credit = shared_.payments->read(exchange.request().fields);
    if (!credit) {
      co_await refuse(exchange, 400, "invalid credit in X-Credit header");
      co_return;
    }
    if (*credit && (*credit)->value != wire::Currency::special(0).value()) {
      co_await refuse(exchange, 400, "invalid credit value");
      co_return;
    }
    auto transaction = co_await begin(*credit);
    if (!transaction) {
      co_await refuse(exchange, 400, "unprocessable credit");
      co_return;
    }
    co_await answer(exchange);
    // Settled whatever the query's outcome; nothing waits for it and there is no refund.
    (*transaction)->settle("", [](const Result<std::string>& settled) {
      if (!settled) spdlog::error("settling a credit failed: {}", settled.error().message);
    });
  }

 private:
  static Task<void> refuse(Exchange& exchange, int status, const char* why) {
    (void)co_await exchange.respond(net::protobuf_error(status, why));
  }

  Task<Result<std::unique_ptr<Transaction>>> begin(const std::optional<wire::Credit>& credit) {
    net::Event answered(loop_.io);
    Result<std::unique_ptr<Transaction>> out = fail(kUnprocessable, "no answer");
    shared_.payments->begin(credit, [&](Result<std::unique_ptr<Transaction>> got) {
      out = std::move(got);
      answered.set();
    });
    co_await answered.wait();
    co_return out;
  }

  Task<void> answer(Exchange& exchange) {
    const auto body = co_await read_binary(exchange, wire::kMaxManifestRequestSize);
    if (!body) {
      (void)co_await exchange.respond(body.error());
      co_return;
    }
    const auto request = wire::decode_manifest_request(*body);
    if (!request) {
      co_await refuse(exchange, 400, "invalid binary data");
      co_return;
    }
    const auto found = shared_.registry.query(request->tags, request->limit, system_random);
    if (!found) {
      co_await refuse(exchange, 500, "internal server error");
      co_return;
    }
    // Each entry is an encoded item already, and a list is its items one after the other: nothing is copied together.
    uint64_t size = 0;
    for (const auto& entry : *found) size += entry->manifest.size();
    net::ResponseHead head{200, {}};
    head.fields.push_back({"Content-Type", kBinary});
    if (!exchange.start(head, size)) co_return;
    for (const auto& entry : *found) {
      if (!co_await exchange.write_piece(entry->manifest)) co_return;
    }
    (void)co_await exchange.finish();
  }

  net::Loop& loop_;
  Shared& shared_;
};

}  // namespace

std::unique_ptr<net::Handler> make_node_events_handler(Shared& shared) {
  return std::make_unique<NodeEvents>(shared);
}

std::unique_ptr<net::Handler> make_manifests_handler(net::Loop& loop, Shared& shared) {
  return std::make_unique<Manifests>(loop, shared);
}

}  // namespace openpcc::router
