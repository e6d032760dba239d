// router.h - the whole router as an object: for main() and for tests.
#pragma once

#include <functional>

#include "handlers.h"
#include "settings.h"

namespace openpcc::router {

class Router {
 public:
  // Listens and starts its threads. Signals stay blocked in them. `listening` is called in between, while there is one
  // thread and nothing is served: for who gives up what listening took. An error of it ends the start.
  [[nodiscard]] static Result<std::unique_ptr<Router>> start(
      Settings settings, const std::function<Status()>& listening = [] { return Status(); });
  ~Router();  // without waiting for requests; stop() first to let them end
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // Takes no more connections and lets requests end for at most `limit`. True: nothing was cut off.
  bool stop(nanoseconds limit);
  // Calls in these intervals from the loop that checks the nodes' health, while it turns.
  void call_every(nanoseconds interval, std::function<void()> call);
  [[nodiscard]] uint16_t port() const;
  [[nodiscard]] node::Registry& registry();

 private:
  class Impl;
  explicit Router(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace openpcc::router
