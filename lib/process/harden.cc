#include "process/harden.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>

#include "base/sanitizers.h"

namespace openpcc::process {
namespace {
[[maybe_unused]] bool hardened = false;
}

#ifdef OPENPCC_ADDRESS_SANITIZER
// The leak check attaches to its own process, which a hardened one does not allow: it would end with an error.
extern "C" __attribute__((visibility("default"))) int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() {
  return hardened ? 1 : 0;
}
#endif

Status harden_process() {
  OPENPCC_TRY_STATUS(limit_resource(RLIMIT_CORE, 0));
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_failure("prctl(PR_SET_DUMPABLE)");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_failure("prctl(PR_SET_NO_NEW_PRIVS)");
  ::umask(077);
  hardened = true;
  return {};
}

Result<bool> isolate_network() {
  if (::unshare(CLONE_NEWNET) == 0) return true;
  if (errno == EPERM || errno == ENOSYS || errno == EINVAL) return false;
  return system_failure("unshare(CLONE_NEWNET)");
}

Status die_with_parent(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return system_failure("prctl(PR_SET_PDEATHSIG)");
  if (::getppid() != parent) return fail(kPeerClosed, "the parent process has already ended");
  return {};
}

Status be_oom_victim() {
  // A hardened process's files in /proc are root's (man 5 proc): it must not be one while it opens this.
  const int dumpable = ::prctl(PR_GET_DUMPABLE);
  if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return system_failure("prctl(PR_SET_DUMPABLE)");
  const UniqueFd file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  const auto failed = [](std::string_view call) { return system_failure(std::string(call) + "(oom_score_adj)"); };
  const Status opened = file ? Status() : failed("open");
  if (::prctl(PR_SET_DUMPABLE, dumpable == 1 ? 1 : 0, 0, 0, 0) != 0) return system_failure("prctl(PR_SET_DUMPABLE)");
  OPENPCC_TRY_STATUS(opened);
  constexpr std::string_view kFirst = "1000";
  return ::write(file.get(), kFirst.data(), kFirst.size()) > 0 ? Status() : failed("write");
}

Status limit_resource(int resource, uint64_t value) {
  rlimit limit{};
  const auto which = static_cast<__rlimit_resource_t>(resource);
  if (::getrlimit(which, &limit) != 0) return system_failure("getrlimit");
  if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > value) limit.rlim_max = value;
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(which, &limit) != 0) return system_failure("setrlimit");
  return {};
}

bool has_other_threads() {
  std::error_code error;
  size_t count = 0;
  for (auto it = std::filesystem::directory_iterator("/proc/self/task", error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    ++count;
  }
  // ThreadSanitizer has one of its own.
  return error || count < 1 || count > (kUnderThreadSanitizer ? 2 : 1);  // what cannot be read proves nothing
}

}  // namespace openpcc::process
