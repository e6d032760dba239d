// worker_link.h - one event loop's connection to compute_worker: asks for children, stops them, learns how they ended.
//
// Connects when it is needed, and again after the worker was started anew. Never blocks its loop, and holds one
// question of a kind about the worker's state at a time, however many ask: a client may ask for health as often as it
// likes. Belongs to one loop. Protocol: worker/protocol.h.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "net/loop.h"
#include "process/fd.h"
#include "worker/protocol.h"

namespace openpcc::router_com {

inline constexpr ErrorCode kNoWorker{"router_com.no_worker"};  // not reachable, or it could not start a child
inline constexpr ErrorCode kBusy{"router_com.busy"};           // all its children are at work
inline constexpr ErrorCode kWithdrawn{"router_com.withdrawn"};

class WorkerLink;
struct WorkerConnection;

struct StartedWorker {
  std::shared_ptr<WorkerConnection> connection;  // that its id belongs to: a new connection has other children
  uint64_t id = 0;
  process::UniqueFd socket;
};

// For whoever may lose interest in a start() that still waits: it returns kWithdrawn then. Must outlive the start().
class Withdrawal {
 public:
  void withdraw();
  [[nodiscard]] bool withdrawn() const { return withdrawn_; }

 private:
  friend class WorkerLink;
  bool withdrawn_ = false;
  std::function<void()> wake_;
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

  // A child of one's own, once one is free. Errors: kBusy, kNoWorker, kWithdrawn.
  [[nodiscard]] net::Task<Result<StartedWorker>> start(Withdrawal& withdrawal);
  // Exactly one of the next three ends the interest in a started child.
  static void stop(const StartedWorker& worker);    // kills it, if it still runs
  static void finish(const StartedWorker& worker);  // it has done its work and ends by itself, or soon is made to
  // Waits until it is gone. kNoWorker after `limit`; then it is stopped.
  [[nodiscard]] static net::Task<Result<HowEnded>> ended(const StartedWorker& worker, net::Clock::duration limit);
  // What the worker says of itself: a kPong.
  [[nodiscard]] net::Task<Result<worker::ControlMessage>> ping(net::Clock::duration limit);
  // Its metrics, as text for Prometheus.
  [[nodiscard]] net::Task<Result<std::string>> metrics(net::Clock::duration limit);

 private:
  struct Waiting;
  friend struct WorkerConnection;
  Result<std::shared_ptr<WorkerConnection>> connected();
  // Sends a question of its own.
  Result<std::shared_ptr<Waiting>> ask(worker::ControlType type, net::Clock::duration limit);
  // Waits for the answer to one that somebody has sent already, or sends it.
  net::Task<Result<std::shared_ptr<Waiting>>> share(worker::ControlType type, net::Clock::duration limit);

  net::Loop& loop_;
  std::string socket_path_;
  std::shared_ptr<WorkerConnection> connection_;
  std::map<worker::ControlType, std::weak_ptr<Waiting>> shared_;
};

}  // namespace openpcc::router_com
