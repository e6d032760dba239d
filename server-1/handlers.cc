#include "handlers.h"

#include <spdlog/spdlog.h>

#include <array>

#include "net/connect.h"
#include "net/server.h"

namespace openpcc::router {
namespace {

using net::Exchange;
using net::Handler;
using net::Reply;
using net::Task;

class FixedReply final : public Handler {
 public:
  explicit FixedReply(Reply reply) : reply_(std::move(reply)) {}
  Task<void> handle(Exchange& exchange) override { (void)co_await exchange.respond(reply_); }

 private:
  Reply reply_;
};

struct Route {
  std::string_view path;
  bool get;  // GET and HEAD; else POST
  std::unique_ptr<Handler> handler;
};

class RouterHandler final : public Handler {
 public:
  RouterHandler(net::Loop& loop, Shared& shared)
      : shared_(shared),
        routes_{
            Route{"/", false, make_proxy_handler(loop, shared)},
            Route{"/compute-manifests", false, make_manifests_handler(loop, shared)},
            Route{"/node-events", false, make_node_events_handler(shared)},
            Route{"/_health", true, std::make_unique<FixedReply>(Reply{200, "application/json", R"({"status":"OK"})"})},
            Route{"/ping", true, std::make_unique<FixedReply>(Reply{200, "text/plain; charset=utf-8", "pong"})}} {}

  Task<void> handle(Exchange& exchange) override {
    if (!shared_.settings.http.request_logging) {
      co_await dispatch(exchange);
      co_return;
    }
    const auto begin = net::Clock::now();
    // The method and the path as the client sent them would let it write into the log.
    const Route* route = find(exchange.request().target);
    co_await dispatch(exchange);
    const std::chrono::duration<double, std::milli> took = net::Clock::now() - begin;
    spdlog::info("request path={} status={} ms={:.3f}", route != nullptr ? route->path : "(other)", exchange.status(),
                 took.count());
  }

 private:
  const Route* find(std::string_view target) const {
    const std::string_view path = target.substr(0, target.find('?'));
    for (const Route& route : routes_) {
      if (route.path == path) return &route;
    }
    return nullptr;
  }

  Task<void> dispatch(Exchange& exchange) {
    const Route* route = find(exchange.request().target);
    if (route == nullptr) {
      (void)co_await exchange.respond(net::text_error(404, "404 page not found"));
      co_return;
    }
    const std::string& method = exchange.request().method;
    if (route->get ? method == "GET" || method == "HEAD" : method == "POST") {
      co_await route->handler->handle(exchange);
      co_return;
    }
    net::Fields fields;
    fields.push_back({"Allow", route->get ? "GET, HEAD" : "POST"});
    (void)co_await exchange.respond(net::text_error(405, "Method Not Allowed"), std::move(fields));
  }

  Shared& shared_;
  std::array<Route, 5> routes_;
};

}  // namespace

Shared::Shared(Settings from)
    : settings(std::move(from)),
      registry(settings.registry),
      payments(make_free_payments(settings.default_credit_amount)) {
  auto context = net::TlsContext::create("");
  if (context) {
    tls = *std::move(context);
  } else {
    spdlog::warn("nodes with https URLs cannot be reached: {}", context.error().message);
  }
}

node::Time now() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

std::unique_ptr<net::Handler> make_router_handler(net::Loop& loop, Shared& shared) {
  return std::make_unique<RouterHandler>(loop, shared);
}

}  // namespace openpcc::router
