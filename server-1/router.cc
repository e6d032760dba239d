#include "router.h"

#include "health_checker.h"
#include "net/server.h"

namespace openpcc::router {

// Destroyed from below: the checker and the server hold sockets of the loops, everything holds `shared`.
class Router::Impl {
 public:
  explicit Impl(Settings settings) : shared(std::move(settings)), loops(shared.settings.threads) {}

  Shared shared;
  net::Loops loops;
  std::unique_ptr<net::Server> server;
  std::unique_ptr<HealthChecker> checker;
};

Router::Router(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Router::~Router() {
  impl_->checker->stop();
  impl_->loops.stop();
}

Result<std::unique_ptr<Router>> Router::start(Settings settings, const std::function<Status()>& listening) {
  auto impl = std::make_unique<Impl>(std::move(settings));
  const HttpSettings& http = impl->shared.settings.http;
  net::ServerOptions options;
  options.address = http.address;
  options.port = http.port;
  options.max_connections = http.max_connections;
  options.header_timeout = http.read_header_timeout;
  options.read_timeout = http.read_timeout;
  options.write_timeout = http.write_timeout;
  options.idle_timeout = http.idle_timeout;
  const auto make = [&shared = impl->shared](net::Loop& loop) { return make_router_handler(loop, shared); };
  OPENPCC_TRY(impl->server, net::Server::listen(impl->loops, options, make));
  OPENPCC_TRY_STATUS(listening());
  impl->checker = std::make_unique<HealthChecker>(impl->loops[0], impl->shared);
  impl->checker->start();
  impl->loops.start();
  return std::unique_ptr<Router>(new Router(std::move(impl)));
}

void Router::call_every(nanoseconds interval, std::function<void()> call) {
  net::call_every(impl_->loops[0], interval, std::move(call));
}

bool Router::stop(nanoseconds limit) {
  impl_->checker->stop();
  return impl_->server->stop(limit);
}

uint16_t Router::port() const {
  return impl_->server->port();
}

node::Registry& Router::registry() {
  return impl_->shared.registry;
}

}  // namespace openpcc::router
