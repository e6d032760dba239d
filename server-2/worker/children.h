// children.h - the single-use processes of compute_worker: a few wait, locked down already, others are at work.
//
// A child is forked ahead of time, enters the sandbox and waits. take() gives it a request's two sockets' other ends,
// which were made before; afterwards it serves that one request and exits. What a child costs to make is so paid
// between requests. Belongs to the parent's one thread. Children are known by an id that is never used again, not by
// their pid.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "process/fd.h"
#include "sandbox/sandbox.h"
#include "worker/protocol.h"
#include "worker/report.h"
#include "worker/thread_shares.h"

namespace openpcc::worker {

// In the child, inside the sandbox: serves one request and returns the exit status.
struct ChildEnds {
  process::UniqueFd router;  // its private sockets
  process::UniqueFd broker;
  process::UniqueFd report;  // for write_report()
};
using ChildMain = std::function<int(ChildEnds ends)>;

struct ChildrenOptions {
  size_t pool = 4;          // children that wait; 0: each is made when it is needed
  size_t max_running = 16;  // at work at one time
  process::Clock::duration time_limit = std::chrono::minutes(5);  // of one request, then its child is killed
  // A child's user id is one of first_uid ... first_uid + users() - 1, and no other child has it while it lives.
  uid_t first_uid = 0;
  [[nodiscard]] size_t users() const { return pool + max_running + 1; }
  // Instead of forking alone: the child executes this program with these arguments and, behind them, --serve and a
  // FreshChild as text; it loads the engine, enters the sandbox and waits, by serve_afresh(). For engines that cannot
  // live after a fork; siblings then share no address layout.
  std::vector<std::string> afresh = {};
  // Of users() slots: of what the processors are shared out among the children at work. None: nothing is shared out.
  std::shared_ptr<ThreadShares> shares = {};
  // In a forked child, before anything else of it: where it may look how many threads it has.
  std::function<void(const ThreadShare& share)> follow = {};
  // In a child that is made ahead, before lockdown: what makes its own request quicker. A failure is logged.
  std::function<Status()> rehearse = {};
  // In the child before lockdown, for an engine that needs something open; what it opens stays open.
  std::function<Status()> prepare = {};
  // After each fork: how long it took.
  std::function<void(process::Clock::duration)> on_made = [](process::Clock::duration) {};
};

// What a child that was executed afresh must know.
struct FreshChild {
  ChildEnds ends;
  pid_t parent = 0;
  uid_t uid = 0;
  process::UniqueFd shares = {};  // for ThreadShares::look(), with
  size_t slot = 0;
};
// kBadControl for text that exec_afresh() did not write. The descriptors are the process's own from here on.
[[nodiscard]] Result<FreshChild> parse_fresh_child(std::string_view text);

// For those functions: it is no reason for a child to end.
void rehearse_or_say(const std::function<Status()>& rehearse);

// In a child: prepare(), the sandbox, then the request. Open stay the three ends and what prepare() opened, and nothing
// else beside the standard descriptors. Never returns.
[[noreturn]] void serve_in_sandbox(const sandbox::Sandbox& sandbox, uid_t uid, pid_t parent, ChildEnds ends,
                                   const std::function<Status()>& prepare, const ChildMain& child_main) noexcept;

class Children {
 public:
  struct Taken {
    uint64_t id = 0;
    process::UniqueFd router;  // the request's way to the child
    process::UniqueFd broker;  // for the TPM broker
  };
  struct Ended {
    uint64_t id = 0;
    uint64_t owner = 0;  // of take()
    Ending ending = Ending::kExited;
    int code = 0;  // exit status or signal
    std::optional<Report> report = std::nullopt;
  };

  Children(const sandbox::Sandbox& sandbox, ChildrenOptions options, ChildMain child_main);

  [[nodiscard]] size_t running() const { return running_; }
  [[nodiscard]] size_t waiting() const { return children_.size() - running_ - dying_; }
  [[nodiscard]] bool has_room() const { return running_ < options_.max_running; }
  // True while a waiting child is missing and one may be made: after one that died before its request, not at once.
  [[nodiscard]] bool wants_another() const;
  void add_one();  // one fork; a failure is logged and tried again later

  // The child that waits longest, or a new one. Needs has_room().
  [[nodiscard]] Result<Taken> take(uint64_t owner);
  void kill(uint64_t id, uint64_t owner);  // nothing happens where that owner has no such child
  void kill_all_of(uint64_t owner);
  void kill_running();
  void kill_waiting();
  void kill_overdue();
  // Collects those that are gone; those that never got a request are not among them.
  [[nodiscard]] std::vector<Ended> reap();
  // Kills and collects all that are left.
  void end_all();
  [[nodiscard]] process::Deadline next_overdue() const;  // when kill_overdue() is next due
  [[nodiscard]] process::Deadline next_refill() const;   // when wants_another() is next true, by time alone

 private:
  struct Child {
    pid_t pid = 0;
    size_t slot = 0;  // its user id
    bool running = false;
    uint64_t owner = 0;
    process::UniqueFd router, broker;  // until it is taken
    process::UniqueFd report;
    process::Deadline deadline = process::kForever;
    std::optional<Ending> killed = std::nullopt;
  };
  Result<uint64_t> fork_one(bool ahead);
  [[noreturn]] void be_child(pid_t parent, size_t slot, ChildEnds ends, bool ahead) noexcept;
  void share_out();
  void kill(Child& child, Ending why);

  const sandbox::Sandbox& sandbox_;
  ChildrenOptions options_;
  ChildMain child_main_;
  std::map<uint64_t, Child> children_;  // in the order of their making
  std::vector<bool> slots_;
  size_t running_ = 0;
  size_t dying_ = 0;  // killed before they had a request, not yet collected
  uint64_t next_id_ = 1;
  process::Deadline not_before_{};  // the pause after a child that died too early
};

}  // namespace openpcc::worker
