// metrics.h - what router_com counts, in Prometheus' text format, and the handler that shows it together with the
// worker's. Numbers and times of requests, nothing of their content or of who asked.
#pragma once

#include <memory>
#include <string>

#include "net/server.h"
#include "router_com/worker_link.h"

namespace openpcc::router_com {

enum class Outcome { kAnswered, kRefused, kNoneFree, kFailed, kCut, kClientGone };

// Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void begun();
  void first_byte(net::Clock::duration since_begin);
  void ended(Outcome outcome, net::Clock::duration since_begin);

  [[nodiscard]] std::string text() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

// GET /metrics. Not for the network that requests come from: it has an address of its own.
class MetricsHandler : public net::Handler {
 public:
  MetricsHandler(net::Loop& loop, const std::string& worker_socket, const Metrics& metrics)
      : link_(loop, worker_socket), metrics_(metrics) {}
  net::Task<void> handle(net::Exchange& exchange) override;

 private:
  WorkerLink link_;
  const Metrics& metrics_;
};

}  // namespace openpcc::router_com
