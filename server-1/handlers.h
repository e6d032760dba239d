// handlers.h - the router's endpoints as handlers of lib/net, one object of each a thread.
#pragma once

#include <memory>

#include "node/registry.h"
#include "payments.h"
#include "settings.h"

namespace openpcc::net {
class Handler;
class TlsContext;
struct Loop;
}  // namespace openpcc::net

namespace openpcc::router {

// What all threads share. Outlives the handlers.
struct Shared {
  Settings settings;
  node::Registry registry;
  std::unique_ptr<Payments> payments;
  std::shared_ptr<net::TlsContext> tls;  // for nodes with https URLs; null: there are no trusted certificates

  explicit Shared(Settings from);
};

[[nodiscard]] node::Time now();

// All endpoints (PROTOCOL G.2): dispatches by path and method.
[[nodiscard]] std::unique_ptr<net::Handler> make_router_handler(net::Loop& loop, Shared& shared);
// POST /node-events (G.5).
[[nodiscard]] std::unique_ptr<net::Handler> make_node_events_handler(Shared& shared);
// POST /compute-manifests (G.3).
[[nodiscard]] std::unique_ptr<net::Handler> make_manifests_handler(net::Loop& loop, Shared& shared);
// POST / (G.4). An OHTTP gateway in front of it takes this handler and hands it what it has decapsulated.
[[nodiscard]] std::unique_ptr<net::Handler> make_proxy_handler(net::Loop& loop, Shared& shared);

}  // namespace openpcc::router
