// node_handler.h - router_com's HTTP interface: health (ready, live), ping, and sealed requests (PROTOCOL H.9).
// Source: confidentcompute routercom/service.go, serve.go, healthcheck.go.
#pragma once

#include <mutex>

#include "net/server.h"
#include "router_com/metrics.h"
#include "router_com/node_evidence.h"
#include "router_com/request_body.h"
#include "router_com/worker_link.h"

namespace openpcc::router_com {

// What all loops share: nothing is served before the evidence has come. Thread-safe.
class NodeState {
 public:
  void set_rek_point(Bytes point) {
    const std::lock_guard lock(mutex_);
    rek_point_ = std::move(point);
  }
  // Empty: the evidence has not come yet.
  [[nodiscard]] Bytes rek_point() const {
    const std::lock_guard lock(mutex_);
    return rek_point_;
  }

  [[nodiscard]] Uploads& uploads() { return uploads_; }

 private:
  mutable std::mutex mutex_;
  Bytes rek_point_;
  Uploads uploads_;
};

class NodeHandler : public net::Handler {
 public:
  NodeHandler(net::Loop& loop, const std::string& worker_socket, NodeState& state, Metrics& metrics)
      : loop_(loop), link_(loop, worker_socket), state_(state), metrics_(metrics) {}

  net::Task<void> handle(net::Exchange& exchange) override;

 private:
  net::Task<net::Reply> health(bool with_tpm);
  net::Task<void> generate(net::Exchange& exchange);

  net::Loop& loop_;
  WorkerLink link_;
  NodeState& state_;
  Metrics& metrics_;
};

}  // namespace openpcc::router_com
