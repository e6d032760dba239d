// health_checker.h - asks nodes for their health at an interval and tells the registry (PROTOCOL G.7; openpcc
// router/health/checker.go). Also has the registry grade all nodes anew when that is due.
#pragma once

#include <memory>

namespace openpcc::net {
struct Loop;
}

namespace openpcc::router {

struct Shared;

// Runs on one loop until stop(), or until the loop ends. The first round comes one interval after start().
class HealthChecker {
 public:
  HealthChecker(net::Loop& loop, Shared& shared);
  ~HealthChecker();
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  void start();
  void stop();  // from any thread: no round begins after it

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace openpcc::router
