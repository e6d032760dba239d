#include "sandbox/syscall_filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fcntl.h>
#include <cerrno>
#include <csignal>
#include <memory>

#include "base/sanitizers.h"
#include "process/fd.h"

namespace openpcc::sandbox {
namespace {

constexpr AllowedCall kEveryChild[] = {
    // The two sockets, and lines of the log.
    {"read", ""},
    {"readv", ""},
    {"recvfrom", ""},
    {"recvmsg", ""},
    {"write", ""},
    {"writev", ""},
    {"sendto", ""},
    {"sendmsg", ""},
    {"poll", ""},
    {"ppoll", ""},
    {"fcntl", "F_GETFL, F_SETFL"},
    {"shutdown", ""},
    {"close", ""},
    // Memory.
    {"brk", ""},
    {"mmap", "anonymous, not executable"},
    {"mprotect", "not executable"},
    {"mremap", ""},
    {"munmap", ""},
    {"madvise", ""},
    {"mlock", ""},
    {"munlock", ""},
    // Threads of this process.
    {"clone", "threads: CLONE_VM, CLONE_SIGHAND and CLONE_THREAD, no new namespace"},
    {"set_robust_list", ""},
    {"rseq", ""},
    {"futex", ""},
    {"sched_yield", ""},
    {"sched_getaffinity", ""},
    {"gettid", ""},
    {"getpid", ""},
    {"exit", ""},
    {"exit_group", ""},
    // Time and chance.
    {"clock_gettime", ""},
    {"clock_nanosleep", ""},
    {"nanosleep", ""},
    {"gettimeofday", ""},
    {"getrandom", ""},
    {"restart_syscall", ""},
    // abort() and signal handling in the C library.
    {"rt_sigaction", "the C library's own signals, 32 and 33"},
    {"rt_sigprocmask", ""},
    {"rt_sigreturn", ""},
    {"tgkill", "SIGABRT"},
};

constexpr AllowedCall kEventLoop[] = {
    {"epoll_ctl", ""},       {"epoll_wait", ""}, {"epoll_pwait", ""},
    {"timerfd_settime", ""}, {"getsockopt", ""}, {"ioctl", "FIONBIO"},
};

// What the run-time libraries of the sanitizers do beside the program.
[[maybe_unused]] constexpr AllowedCall kSanitizer[] = {
    {"sigaltstack", ""}, {"prctl", ""}, {"getrlimit", ""},  {"prlimit64", ""}, {"openat", ""},
    {"readlink", ""},    {"fstat", ""}, {"newfstatat", ""}, {"lseek", ""},     {"getppid", ""},
    {"getuid", ""},      {"uname", ""}, {"mincore", ""},    {"pipe2", ""},     {"process_vm_readv", ""},
};

constexpr int kSomeOfIoctl = 0x5421;  // FIONBIO

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

constexpr scmp_datum_t kNeverInClone = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |
                                       CLONE_NEWUSER | CLONE_NEWUTS | CLONE_PTRACE | CLONE_VFORK;
constexpr scmp_datum_t kAlwaysInClone = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;

// One rule, or one for each value that an argument may have.
int allow(void* context, const AllowedCall& call) {
  const int number = seccomp_syscall_resolve_name(std::string(call.name).c_str());
  if (number == __NR_SCMP_ERROR) return -EINVAL;
  if (number < 0) return 0;  // not on this processor
  const auto one = [&](scmp_arg_cmp compare) { return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 1, compare); };
  if (call.condition.empty()) return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
  const auto either = [&](scmp_arg_cmp first, scmp_arg_cmp second) {
    const int code = one(first);
    return code != 0 ? code : one(second);
  };
  if (call.name == "fcntl") return either(SCMP_A1_32(SCMP_CMP_EQ, F_GETFL), SCMP_A1_32(SCMP_CMP_EQ, F_SETFL));
  if (call.name == "rt_sigaction") return either(SCMP_A0_32(SCMP_CMP_EQ, 32), SCMP_A0_32(SCMP_CMP_EQ, 33));
  if (call.name == "mprotect") return one(SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  if (call.name == "mmap") {
    return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
  }
  if (call.name == "clone") {
    return one(SCMP_A0(SCMP_CMP_MASKED_EQ, kNeverInClone | kAlwaysInClone, kAlwaysInClone));
  }
  if (call.name == "tgkill") return one(SCMP_A2_32(SCMP_CMP_EQ, SIGABRT));
  if (call.name == "ioctl") return one(SCMP_A1_32(SCMP_CMP_EQ, kSomeOfIoctl));
  return -EINVAL;  // a condition in words that nothing here puts into effect
}

std::unexpected<Error> refused(std::string_view what, int code) {
  errno = -code;
  return fail(kBadFilter, process::system_failure(what).error().message);
}

Status add_rules(void* context, bool event_loop) {
  const auto add = [&](std::span<const AllowedCall> calls) -> Status {
    for (const AllowedCall& call : calls) {
      if (const int code = allow(context, call); code != 0) return refused(call.name, code);
    }
    return {};
  };
  OPENPCC_TRY_STATUS(add(kEveryChild));
  if (event_loop) OPENPCC_TRY_STATUS(add(kEventLoop));
  if (kSanitized) OPENPCC_TRY_STATUS(add(kSanitizer));
  const int clone3 = seccomp_syscall_resolve_name("clone3");
  const int code = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), clone3 >= 0 ? clone3 : 435, 0);
  return code == 0 ? Status() : refused("clone3", code);
}

Result<Bytes> read_back(int file) {
  const off_t size = ::lseek(file, 0, SEEK_END);
  Bytes filter(size > 0 ? static_cast<size_t>(size) : 0);
  if (filter.empty() || ::pread(file, filter.data(), filter.size(), 0) != size) {
    return process::system_failure("reading the filter");
  }
  return filter;
}

}  // namespace

std::span<const AllowedCall> calls_of_every_child() {
  return kEveryChild;
}
std::span<const AllowedCall> calls_of_an_event_loop() {
  return kEventLoop;
}

Result<Bytes> make_filter(bool event_loop) {
  const Context context(seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (!context) return fail(kBadFilter, "libseccomp could not be initialised");
  if (const int code = seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS); code != 0) {
    return refused("SCMP_FLTATR_ACT_BADARCH", code);
  }
  OPENPCC_TRY_STATUS(add_rules(context.get(), event_loop));
  const process::UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return process::system_failure("memfd_create");
  if (const int code = seccomp_export_bpf(context.get(), file.get()); code != 0) {
    return refused("seccomp_export_bpf", code);
  }
  return read_back(file.get());
}

Status load_filter(ByteView filter) {
  Bytes copy = to_bytes(filter);  // the kernel's interface takes no pointer to const
  const sock_fprog program{.len = static_cast<uint16_t>(copy.size() / sizeof(sock_filter)),
                           .filter = reinterpret_cast<sock_filter*>(copy.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return process::system_failure("seccomp");
  return {};
}

}  // namespace openpcc::sandbox
