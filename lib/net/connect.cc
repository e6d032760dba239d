#include "net/connect.h"

#include <algorithm>

namespace openpcc::net {
namespace {

using boost::system::error_code;
using Endpoint = asio::ip::tcp::endpoint;
using Endpoints = std::vector<Endpoint>;
using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Executor>;

struct Lookup {
  explicit Lookup(asio::io_context& io) : resolver(io), finished(io) {}
  Resolver resolver;
  Event finished;
  Endpoints endpoints;
  error_code error = asio::error::timed_out;
};

// Restores the canceller on every way out.
class CancelGuard {
 public:
  CancelGuard(Canceller* canceller, std::function<void()> on_cancel) : canceller_(canceller) {
    if (canceller_ != nullptr) canceller_->on_cancel = std::move(on_cancel);
  }
  ~CancelGuard() {
    if (canceller_ != nullptr) canceller_->on_cancel = nullptr;
  }
  CancelGuard(const CancelGuard&) = delete;
  CancelGuard& operator=(const CancelGuard&) = delete;
  [[nodiscard]] bool cancelled() const { return canceller_ != nullptr && canceller_->cancelled; }

 private:
  Canceller* canceller_;
};

std::unexpected<Error> cancelled_error() {
  return fail(kCancelled, "stopped while connecting");
}

// getaddrinfo() cannot be interrupted: on a timeout it is left to end on its thread, and its answer goes nowhere.
Task<Result<Endpoints>> look_up(Loop& loop, const std::string& host, uint16_t port, Clock::duration limit,
                                Canceller* canceller) {
  error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (!error) co_return Endpoints{Endpoint(address, port)};
  if (host == "localhost" || host.ends_with(".localhost")) {  // RFC 6761 §6.3: always this machine
    co_return Endpoints{Endpoint(asio::ip::address_v4::loopback(), port),
                        Endpoint(asio::ip::address_v6::loopback(), port)};
  }
  auto lookup = std::make_shared<Lookup>(loop.io);
  Deadline deadline(loop.deadlines, [&] { lookup->finished.set(); });
  deadline.set_after(limit);
  const CancelGuard guard(canceller, [&] { lookup->finished.set(); });
  const auto flags = Resolver::numeric_service | Resolver::address_configured;
  lookup->resolver.async_resolve(host, std::to_string(port), flags,
                                 [lookup](const error_code& result, const Resolver::results_type& found) {
                                   lookup->error = result;
                                   for (const auto& entry : found) lookup->endpoints.push_back(entry.endpoint());
                                   lookup->finished.set();
                                 });
  co_await lookup->finished.wait();
  if (guard.cancelled()) co_return cancelled_error();
  if (lookup->error) {
    co_return fail(kConnectFailed, "the name '" + host + "' cannot be looked up: " + lookup->error.message());
  }
  co_return std::move(lookup->endpoints);
}

Task<error_code> connect_one(Loop& loop, TcpSocket& socket, Endpoint endpoint, Clock::duration limit,
                             Canceller* canceller) {
  error_code error;
  bool late = false;
  const auto stop = [&] {
    error_code ignored;
    socket.cancel(ignored);
  };
  Deadline deadline(loop.deadlines, [&] {
    late = true;
    stop();
  });
  deadline.set_after(limit);
  const CancelGuard guard(canceller, stop);
  co_await socket.async_connect(endpoint, asio::redirect_error(kAwait, error));
  if (error && late) error = asio::error::timed_out;
  co_return error;
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> connect(Loop& loop, Url url, TlsContext* tls, Clock::duration limit,
                                              Canceller* canceller) {
  const auto until = Clock::now() + limit;
  if (canceller != nullptr && canceller->cancelled) co_return cancelled_error();
  OPENPCC_CO_TRY(const Endpoints endpoints, co_await look_up(loop, url.host, url.port, limit, canceller));
  error_code error = asio::error::host_not_found;
  for (size_t i = 0; i < endpoints.size(); ++i) {
    // An address that does not answer leaves a share of the time to those behind it.
    const auto share = (until - Clock::now()) / static_cast<int64_t>(endpoints.size() - i);
    TcpSocket socket(loop.io);
    error = co_await connect_one(loop, socket, endpoints[i], std::max(share, Clock::duration(0)), canceller);
    if (canceller != nullptr && canceller->cancelled) co_return cancelled_error();
    if (error) continue;
    auto stream = std::make_unique<Stream>(loop, std::move(socket));
    if (!url.https) co_return std::move(stream);
    if (tls == nullptr) co_return fail(kTlsFailed, "https is not set up here");
    const auto left = std::max(until - Clock::now(), Clock::duration(0));
    stream->expire_reads_after(left);
    stream->expire_writes_after(left);
    const CancelGuard guard(canceller, [&] { stream->abort(kCancelled); });
    auto shaken = co_await tls->handshake(*stream, url.host);
    if (guard.cancelled()) co_return cancelled_error();
    OPENPCC_CO_TRY(auto layer, std::move(shaken));
    stream->no_read_deadline();
    stream->no_write_deadline();
    stream->use_tls(std::move(layer));
    co_return std::move(stream);
  }
  if (error == asio::error::timed_out) co_return fail(kTimeout, "no connection to " + url.origin() + " in time");
  co_return fail(kConnectFailed, "no connection to " + url.origin() + ": " + error.message());
}

}  // namespace openpcc::net
