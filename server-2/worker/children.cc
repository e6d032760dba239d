#include "worker/children.h"

#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>

#include "base/random.h"
#include "process/harden.h"
#include "process/privileges.h"
#include "process/signals.h"
#include "process/unix_socket.h"

namespace openpcc::worker {
namespace {

constexpr int kNoShares = 0;  // in place of a descriptor
constexpr auto kPauseAfterDeath = std::chrono::seconds(1);

// Siblings share what the parent had at their fork: also the canary that guards their stacks. This gives the child one
// of its own, for all functions that are entered from here on; those below never return. x86-64: the place is part of
// its ABI. Elsewhere the C library keeps it in memory that cannot be written.
__attribute__((no_stack_protector)) void renew_stack_canary(uint64_t canary) {
#if defined(__x86_64__) && defined(__linux__)
  canary &= ~uint64_t{0xff};  // a zero byte stops what copies strings
  asm volatile("movq %0, %%fs:0x28" : : "r"(canary) : "memory");
#else
  (void)canary;
#endif
}

Status exec_afresh(std::vector<std::string> arguments, pid_t parent, uid_t uid, const ChildEnds& ends, int shares,
                   size_t slot) {
  for (const int fd : {ends.router.get(), ends.broker.get(), ends.report.get(), shares}) {
    if (fd != kNoShares) OPENPCC_TRY_STATUS(process::set_close_on_exec(fd, false));
  }
  OPENPCC_TRY_STATUS(process::keep_capabilities_through_exec());
  arguments.emplace_back("--serve");
  arguments.push_back(std::to_string(ends.router.get()) + "," + std::to_string(ends.broker.get()) + "," +
                      std::to_string(ends.report.get()) + "," + std::to_string(parent) + "," + std::to_string(uid) +
                      "," + std::to_string(shares) + "," + std::to_string(slot));
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv("/proc/self/exe", argv.data());
  return process::system_failure("execv");
}

// The descriptors that are open after prepare() and were not before.
Result<std::vector<int>> opened_by(const std::function<Status()>& prepare) {
  if (!prepare) return std::vector<int>();
  OPENPCC_TRY(const std::vector<int> before, process::open_descriptors());
  OPENPCC_TRY_STATUS(prepare());
  OPENPCC_TRY(std::vector<int> opened, process::open_descriptors());
  std::erase_if(opened, [&](int fd) { return std::find(before.begin(), before.end(), fd) != before.end(); });
  return opened;
}

}  // namespace

Result<FreshChild> parse_fresh_child(std::string_view text) {
  std::array<uint32_t, 7> numbers{};
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), numbers.at(i));
    if (error != std::errc()) return fail(kBadControl, "--serve: not seven numbers");
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    const bool last = i + 1 == numbers.size();
    if (last != text.empty() || (!last && text.front() != ',')) return fail(kBadControl, "--serve: not seven numbers");
    if (!last) text.remove_prefix(1);
  }
  FreshChild child;
  for (const size_t i : {0, 1, 2, 5}) {
    const bool none = i == 5 && numbers.at(i) == kNoShares;
    if (!none && (numbers.at(i) <= STDERR_FILENO || numbers.at(i) > INT32_MAX)) {
      return fail(kBadControl, "--serve: no descriptor");
    }
  }
  child.ends = {process::UniqueFd(static_cast<int>(numbers[0])), process::UniqueFd(static_cast<int>(numbers[1])),
                process::UniqueFd(static_cast<int>(numbers[2]))};
  if (numbers[5] != kNoShares) child.shares.reset(static_cast<int>(numbers[5]));
  for (const process::UniqueFd* fd : {&child.ends.router, &child.ends.broker, &child.ends.report, &child.shares}) {
    if (*fd) OPENPCC_TRY_STATUS(process::set_close_on_exec(fd->get(), true));
  }
  child.parent = static_cast<pid_t>(numbers[3]);
  child.uid = numbers[4];
  child.slot = numbers[6];
  return child;
}

void rehearse_or_say(const std::function<Status()>& rehearse) {
  if (!rehearse) return;
  if (const Status done = rehearse(); !done) spdlog::warn("{}", done.error().message);
}

void serve_in_sandbox(const sandbox::Sandbox& sandbox, uid_t uid, pid_t parent, ChildEnds ends,
                      const std::function<Status()>& prepare, const ChildMain& child_main) noexcept {
  const auto entered = [&]() -> Status {
    OPENPCC_TRY(std::vector<int> keep, opened_by(prepare));
    keep.insert(keep.end(), {ends.router.get(), ends.broker.get(), ends.report.get()});
    return sandbox.enter(uid, parent, keep);
  }();
  if (!entered) {
    spdlog::error("a child could not be set up: {}", entered.error().message);
    ::_exit(kExitFailed);
  }
  // Never back into the parent's code: its objects still stand here, with closed or reused descriptors.
  ::_exit(child_main(std::move(ends)));
}

Children::Children(const sandbox::Sandbox& sandbox, ChildrenOptions options, ChildMain child_main)
    : sandbox_(sandbox),
      options_(std::move(options)),
      child_main_(std::move(child_main)),
      slots_(options_.users(), false) {}

bool Children::wants_another() const {
  return next_refill() <= process::Clock::now();
}

void Children::add_one() {
  if (const auto made = fork_one(true); !made) {
    spdlog::error("no child could be made: {}", made.error().message);
    not_before_ = process::within(kPauseAfterDeath);
  }
}

Result<uint64_t> Children::fork_one(bool ahead) {
  const auto free = std::find(slots_.begin(), slots_.end(), false);
  if (free == slots_.end()) return fail(process::kSystem, "children that were killed are not gone yet");
  OPENPCC_TRY(auto router, process::socket_pair());
  OPENPCC_TRY(auto broker, process::socket_pair());
  OPENPCC_TRY(auto report, report_pipe());
  const auto start = process::Clock::now();
  const auto slot = static_cast<size_t>(free - slots_.begin());
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return process::system_failure("fork");
  if (pid == 0) {
    uint64_t canary = 0;
    if (!system_random({reinterpret_cast<uint8_t*>(&canary), sizeof canary})) ::_exit(kExitFailed);
    renew_stack_canary(canary);
    be_child(parent, slot, {std::move(router.second), std::move(broker.second), std::move(report.second)}, ahead);
  }
  options_.on_made(process::Clock::now() - start);
  *free = true;
  const uint64_t id = next_id_++;
  Child& child = children_[id];
  child.pid = pid;
  child.slot = slot;
  child.router = std::move(router.first);
  child.broker = std::move(broker.first);
  child.report = std::move(report.first);
  return id;
}

// noexcept: nothing may unwind into the parent's code, and before a call that cannot return but might throw, clang
// looks at the caller's canary, which is the parent's. For the same reason it is no part of its caller.
[[gnu::noinline]] void Children::be_child(pid_t parent, size_t slot, ChildEnds ends, bool ahead) noexcept {
  process::restore_signals();
  const uid_t uid = options_.first_uid + static_cast<uid_t>(slot);
  const ThreadShares* shares = options_.shares.get();
  const auto ready = [&]() -> Status {
    std::vector<int> keep = {ends.router.get(), ends.broker.get(), ends.report.get()};
    if (!options_.afresh.empty()) {
      if (shares != nullptr) keep.push_back(shares->fd());
      OPENPCC_TRY_STATUS(process::close_all_but(keep));
      return exec_afresh(options_.afresh, parent, uid, ends, shares == nullptr ? kNoShares : shares->fd(), slot);
    }
    if (shares != nullptr && options_.follow) options_.follow(shares->of(slot));
    return process::close_all_but(keep);
  }();
  if (!ready) {
    spdlog::error("a child could not be set up: {}", ready.error().message);
    ::_exit(kExitFailed);
  }
  if (ahead) rehearse_or_say(options_.rehearse);
  serve_in_sandbox(sandbox_, uid, parent, std::move(ends), options_.prepare, child_main_);
}

Result<Children::Taken> Children::take(uint64_t owner) {
  const auto is_free = [](const auto& entry) { return !entry.second.running && !entry.second.killed; };
  auto found = std::find_if(children_.begin(), children_.end(), is_free);
  if (found == children_.end()) {
    OPENPCC_TRY(const uint64_t made, fork_one(false));
    found = children_.find(made);
  }
  Child& child = found->second;
  child.running = true;
  child.owner = owner;
  child.deadline = process::within(options_.time_limit);
  ++running_;
  share_out();
  return Taken{found->first, std::move(child.router), std::move(child.broker)};
}

void Children::kill(Child& child, Ending why) {
  if (child.killed) return;
  child.killed = why;
  if (!child.running) ++dying_;
  ::kill(child.pid, SIGKILL);  // not collected yet, so the pid is still this child's
}

void Children::kill(uint64_t id, uint64_t owner) {
  const auto found = children_.find(id);
  if (found != children_.end() && found->second.running && found->second.owner == owner) {
    kill(found->second, Ending::kStopped);
  }
}

void Children::kill_all_of(uint64_t owner) {
  for (auto& [id, child] : children_) {
    if (child.running && child.owner == owner) kill(child, Ending::kStopped);
  }
}

void Children::kill_running() {
  for (auto& [id, child] : children_) {
    if (child.running) kill(child, Ending::kStopped);
  }
}

void Children::kill_waiting() {
  for (auto& [id, child] : children_) {
    if (!child.running) kill(child, Ending::kStopped);
  }
}

void Children::kill_overdue() {
  const auto now = process::Clock::now();
  for (auto& [id, child] : children_) {
    if (child.killed || child.deadline > now) continue;
    spdlog::warn("a request reached the time limit and is ended");
    kill(child, Ending::kOvertime);
  }
}

process::Deadline Children::next_overdue() const {
  process::Deadline next = process::kForever;
  for (const auto& [id, child] : children_) {
    if (!child.killed) next = std::min(next, child.deadline);
  }
  return next;
}

process::Deadline Children::next_refill() const {
  return waiting() < options_.pool ? not_before_ : process::kForever;
}

void Children::share_out() {
  if (!options_.shares) return;
  std::vector<size_t> at_work;
  at_work.reserve(running_);
  for (const auto& [id, child] : children_) {
    if (child.running) at_work.push_back(child.slot);
  }
  options_.shares->share_out(at_work);
}

std::vector<Children::Ended> Children::reap() {
  std::vector<Ended> ended;
  for (auto it = children_.begin(); it != children_.end();) {
    Child& child = it->second;
    int status = 0;
    if (::waitpid(child.pid, &status, WNOHANG) != child.pid) {
      ++it;
      continue;
    }
    const bool by_signal = WIFSIGNALED(status);
    const int code = by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
    Ending ending = by_signal ? Ending::kCrashed : Ending::kExited;
    if (by_signal && code == SIGXCPU) ending = Ending::kOvertime;
    // It may have been quicker than the signal.
    if (child.killed && by_signal && code == SIGKILL) ending = *child.killed;
    if (ending == Ending::kCrashed && code == SIGSYS) {
      spdlog::error("a child made a system call that the sandbox forbids, and was ended");
    } else if (ending == Ending::kCrashed) {
      spdlog::error("a child was ended by signal {}", code);
    }
    if (child.running) {
      --running_;
      ended.push_back({it->first, child.owner, ending, code, read_report(child.report.get())});
    } else if (child.killed) {
      --dying_;
    } else {
      spdlog::error("a child ended before its request came ({} {})", by_signal ? "signal" : "exit", code);
      not_before_ = process::within(kPauseAfterDeath);
    }
    slots_[child.slot] = false;
    it = children_.erase(it);
  }
  if (!ended.empty()) share_out();
  return ended;
}

void Children::end_all() {
  for (auto& [id, child] : children_) kill(child, Ending::kStopped);
  for (auto& [id, child] : children_) ::waitpid(child.pid, nullptr, 0);
  children_.clear();
  running_ = dying_ = 0;
}

}  // namespace openpcc::worker
