// worker_link.h - one event loop's connection to compute_worker: asks for children, stops them, learns how they ended.
//
// Connects when it is needed, and again after the worker was started anew. Belongs to one loop. Protocol:
// worker/protocol.h.
#pragma once

#include <map>

#include "net/loop.h"
#include "process/fd.h"
#include "worker/protocol.h"

namespace openpcc::router_com {

inline constexpr ErrorCode kNoWorker{"router_com.no_worker"};  // not reachable, or it could not start a child
inline constexpr ErrorCode kBusy{"router_com.busy"};           // all its children are at work

struct StartedWorker {
  uint64_t id = 0;
  process::UniqueFd socket;
};

struct HowEnded {
  worker::Ending ending = worker::Ending::kExited;
  int code = 0;  // exit status or signal
};

class WorkerLink {
 public:
  WorkerLink(net::Loop& loop, std::string socket_path);
  ~WorkerLink();
  WorkerLink(const WorkerLink&) = delete;
  WorkerLink& operator=(const WorkerLink&) = delete;

  // A child of one's own, once one is free. Errors: kBusy, kNoWorker.
  [[nodiscard]] net::Task<Result<StartedWorker>> start();
  // Exactly one of the next three ends the interest in a started child; after it the id means nothing any more.
  void stop(uint64_t id);    // kills it, if it still runs
  void forget(uint64_t id);  // it has done its work and ends by itself
  // Waits until it is gone. kNoWorker after `limit`.
  [[nodiscard]] net::Task<Result<HowEnded>> ended(uint64_t id, net::Clock::duration limit);
  // What the worker says of itself: a kPong.
  [[nodiscard]] net::Task<Result<worker::ControlMessage>> ping(net::Clock::duration limit);
  // Its metrics, as text for Prometheus.
  [[nodiscard]] net::Task<Result<std::string>> metrics(net::Clock::duration limit);

 private:
  struct Connection;
  struct Waiting;
  Result<std::shared_ptr<Connection>> connected();
  static net::Task<void> read(std::shared_ptr<Connection> connection);
  net::Task<Result<std::shared_ptr<Waiting>>> ask(worker::ControlType type, net::Clock::duration limit);

  net::Loop& loop_;
  std::string socket_path_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace openpcc::router_com
