#include "stub_server.h"

#include <chrono>
#include <cstdlib>
#include <thread>

#include "net/server.h"

namespace openpcc::sdk {
namespace {

class StubHandler final : public net::Handler {
 public:
  StubHandler(StubRouter& router, const std::function<void(size_t)>& before_piece)
      : router_(router), before_piece_(before_piece) {}

  net::Task<void> handle(net::Exchange& exchange) override {
    const auto body = co_await exchange.read_all(size_t{8} << 20);
    if (!body) co_return;
    const net::RequestHead& head = exchange.request();
    const StubReply reply = router_.handle(head.method, head.target, head.fields, *body);
    if (!exchange.start(reply.head, std::nullopt)) co_return;
    if (!co_await exchange.flush()) co_return;
    ByteView left = reply.body;
    if (reply.cut_after) left = left.first(std::min(*reply.cut_after, left.size()));
    for (size_t number = 0; !left.empty(); ++number) {
      // Blocks the loop, which has nothing else to do.
      if (before_piece_ && head.target == "/") before_piece_(number);
      const ByteView next = left.first(std::min<size_t>(left.size(), 200));
      if (!co_await exchange.write_piece(next)) co_return;
      left = left.subspan(next.size());
    }
    if (reply.cut_after) {
      // A reset may overtake what was sent before it.
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      exchange.abandon();
      co_return;
    }
    const ByteView nothing;
    (void)co_await exchange.finish(nothing, reply.trailers);
  }

 private:
  StubRouter& router_;
  const std::function<void(size_t)>& before_piece_;
};

}  // namespace

struct StubServer::Impl {
  net::Loops loops{2};
  std::unique_ptr<net::Server> server;
  ~Impl() { loops.stop(); }
};

StubServer::StubServer(StubRouter& router) : impl_(std::make_unique<Impl>()) {
  net::ServerOptions options;
  options.address = "127.0.0.1";
  auto server = net::Server::listen(impl_->loops, options, [this, &router](net::Loop&) {
    return std::make_unique<StubHandler>(router, before_piece);
  });
  if (!server) std::abort();
  impl_->server = std::move(*server);
  impl_->loops.start();
}

StubServer::~StubServer() = default;

std::string StubServer::url() const {
  return "http://127.0.0.1:" + std::to_string(impl_->server->port());
}

}  // namespace openpcc::sdk
