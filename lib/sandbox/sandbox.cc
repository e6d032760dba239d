#include "sandbox/sandbox.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>

#include "base/sanitizers.h"
#include "process/harden.h"
#include "process/message.h"
#include "process/privileges.h"
#include "process/signals.h"
#include "process/unix_socket.h"
#include "sandbox/landlock.h"
#include "sandbox/syscall_filter.h"

namespace openpcc::sandbox {
namespace {

constexpr uint64_t kDescriptors = 64;
constexpr size_t kMaxReport = 1024;
constexpr auto kTryLimit = std::chrono::seconds(20);
constexpr int kNicer = 5;  // a quarter of a processor, against one other who wants it

std::unexpected<Error> missing(Layer layer, const Error& why) {
  const std::string name(name_of(layer));
  return fail(kUnavailable, "the sandbox's layer '" + name + "' is not available (" + why.message +
                                "); to run without it, name it in sandbox.without");
}

Result<uint64_t> mapped_bytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0;
  if (!(statm >> pages)) return fail(process::kSystem, "/proc/self/statm cannot be read");
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string_view name_of(Layer layer) {
  switch (layer) {
    case Layer::kUser:
      return "user";
    case Layer::kNetwork:
      return "network";
    case Layer::kLandlock:
      return "landlock";
    case Layer::kSeccomp:
      return "seccomp";
  }
  return "";
}

std::optional<Layer> layer_named(std::string_view name) {
  for (const Layer layer : kAllLayers) {
    if (name_of(layer) == name) return layer;
  }
  return std::nullopt;
}

Result<Sandbox> Sandbox::create(Options options) {
  OPENPCC_TRY(Bytes filter, make_filter(options.event_loop));
  if (options.memory_bytes != 0 && kSanitized) {
    std::fputs("sandbox: built with a sanitizer: the limit on memory is off\n", stderr);
    options.memory_bytes = 0;
  }
  return Sandbox(std::move(options), std::move(filter));
}

Status Sandbox::limit() const {
  if (options_.memory_bytes != 0) {
    OPENPCC_TRY(const uint64_t mapped, mapped_bytes());
    OPENPCC_TRY_STATUS(process::limit_resource(RLIMIT_AS, mapped + options_.memory_bytes));
  }
  if (options_.cpu_time.count() != 0) {
    // One second between the two: SIGXCPU says what happened, SIGKILL would not.
    const auto seconds = static_cast<rlim_t>(options_.cpu_time.count());
    const rlimit cpu{.rlim_cur = seconds, .rlim_max = seconds + 1};
    if (::setrlimit(RLIMIT_CPU, &cpu) != 0) return process::system_failure("setrlimit(RLIMIT_CPU)");
  }
  if (options_.max_threads != 0 && has(Layer::kUser)) {
    OPENPCC_TRY_STATUS(process::limit_resource(RLIMIT_NPROC, options_.max_threads));
  }
  // A line of the log, where that is a file or a pipe whose reader is gone, fails then instead of ending the child.
  if (::signal(SIGXFSZ, SIG_IGN) == SIG_ERR || ::signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
    return process::system_failure("signal");
  }
  OPENPCC_TRY_STATUS(process::limit_resource(RLIMIT_FSIZE, 0));
  OPENPCC_TRY_STATUS(process::limit_resource(RLIMIT_NOFILE, kDescriptors));
  return process::limit_resource(RLIMIT_CORE, 0);
}

Status Sandbox::enter(uid_t uid, pid_t parent, std::span<const int> keep) const {
  if (process::has_other_threads()) return fail(process::kSystem, "other threads would stay outside of the sandbox");
  if (options_.own_network && has(Layer::kNetwork)) {
    OPENPCC_TRY(const bool isolated, process::isolate_network());
    if (!isolated) return missing(Layer::kNetwork, {kUnavailable, "a network namespace takes root"});
  }
  OPENPCC_TRY_STATUS(process::be_oom_victim());
  if (has(Layer::kUser)) {
    if (const auto become = process::become_nobody_else(uid); !become) return missing(Layer::kUser, become.error());
  }
  OPENPCC_TRY_STATUS(process::die_with_parent(parent));
  OPENPCC_TRY_STATUS(process::close_all_but(keep));
  OPENPCC_TRY_STATUS(limit());
  errno = 0;
  if (::nice(kNicer) == -1 && errno != 0) return process::system_failure("nice");
  OPENPCC_TRY_STATUS(process::harden_process());
  if (has(Layer::kLandlock)) {
    if (const auto done = forbid_files(); !done) return missing(Layer::kLandlock, done.error());
  }
  if (has(Layer::kSeccomp)) {
    if (const auto done = load_guard(); !done) return missing(Layer::kSeccomp, done.error());
    if (const auto done = load_filter(filter_); !done) return missing(Layer::kSeccomp, done.error());
  }
  return {};
}

Status Sandbox::try_out(uid_t uid) const {
  OPENPCC_TRY(auto report, process::socket_pair());
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return process::system_failure("fork");
  if (pid == 0) {
    process::restore_signals();
    const int keep[] = {report.second.get()};
    const auto entered = enter(uid, parent, keep);
    if (entered) std::thread([] {}).join();
    const std::string_view text = entered ? std::string_view() : std::string_view(entered.error().message);
    const auto sent =
        process::send_message(report.second.get(), as_bytes(text.substr(0, kMaxReport)), process::kForever);
    ::_exit(sent ? 0 : 1);
  }
  report.second.reset();
  const auto said = process::receive_message(report.first.get(), kMaxReport, process::within(kTryLimit));
  const bool too_slow = !said && said.error().code == process::kTimeout;
  if (too_slow) ::kill(pid, SIGKILL);
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return process::system_failure("waitpid");
  if (said && said->body.empty() && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (said && !said->body.empty()) return fail(kUnavailable, std::string(as_text(said->body)));
  if (too_slow) return fail(kUnavailable, "a child did not get into the sandbox within 20 seconds");
  return fail(kUnavailable, "a child that entered the sandbox ended by " +
                                (WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                                     : "exit " + std::to_string(WEXITSTATUS(status))));
}

}  // namespace openpcc::sandbox
