#include "sandbox/syscall_filter.h"

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <vector>

#include "base/sanitizers.h"
#include "process/fd.h"

namespace openpcc::sandbox {
namespace {

// Put into effect by load_guard(): libseccomp compares whole registers, of which the kernel takes the lower half alone
// as a descriptor.
constexpr std::string_view kAboveStandard = "descriptor above 2";

constexpr AllowedCall kEveryChild[] = {
    // The two sockets, and lines of the log.
    {"read", ""},
    {"readv", ""},
    {"recvmsg", kAboveStandard},
    {"write", ""},
    {"writev", ""},
    {"sendmsg", kAboveStandard},
    {"poll", ""},
    {"ppoll", ""},
    {"close", ""},
    // Memory.
    {"brk", ""},
    {"mmap", "anonymous, not executable"},
    {"mprotect", "not executable"},
    {"mremap", ""},
    {"munmap", ""},
    {"madvise", "MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE"},
    {"mlock", ""},
    {"munlock", ""},
    // Threads of this process.
    {"clone", "threads: CLONE_VM, CLONE_SIGHAND and CLONE_THREAD, no new namespace"},
    {"set_robust_list", ""},
    {"rseq", ""},
    {"futex", "FUTEX_WAIT, FUTEX_WAIT_BITSET; FUTEX_WAKE of this process alone"},
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
    {"tgkill", "SIGABRT to itself"},
};

constexpr AllowedCall kEventLoop[] = {
    {"recvfrom", kAboveStandard},
    {"sendto", kAboveStandard},
    {"shutdown", kAboveStandard},
    {"epoll_ctl", ""},
    {"epoll_wait", ""},
    {"epoll_pwait", ""},
    {"timerfd_settime", ""},
    {"getsockopt", kAboveStandard},
    {"ioctl", "FIONBIO, descriptor above 2"},
};

// What the run-time libraries of the sanitizers do beside the program.
[[maybe_unused]] constexpr AllowedCall kSanitizer[] = {
    {"sigaltstack", ""}, {"prctl", ""}, {"getrlimit", ""},  {"prlimit64", ""}, {"openat", ""},
    {"readlink", ""},    {"fstat", ""}, {"newfstatat", ""}, {"lseek", ""},     {"getppid", ""},
    {"getuid", ""},      {"uname", ""}, {"mincore", ""},    {"pipe2", ""},     {"process_vm_readv", ""},
    {"madvise", ""},
};

constexpr int kSomeOfIoctl = 0x5421;        // FIONBIO
constexpr scmp_datum_t kInt = 0xffff'ffff;  // what the kernel reads of a register that holds an int

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

constexpr scmp_datum_t kNeverInClone = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |
                                       CLONE_NEWUSER | CLONE_NEWUTS | CLONE_PTRACE | CLONE_VFORK;
constexpr scmp_datum_t kAlwaysInClone = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;

// One rule, or one for each value that an argument may have. What depends on the process is load_guard()'s.
int allow(void* context, const AllowedCall& call) {
  const int number = seccomp_syscall_resolve_name(std::string(call.name).c_str());
  if (number == __NR_SCMP_ERROR) return -EINVAL;
  if (number < 0) return 0;  // not on this processor
  const auto one = [&](scmp_arg_cmp compare) { return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 1, compare); };
  if (call.condition.empty() || call.condition == kAboveStandard) {
    return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
  }
  const auto any = [&](unsigned argument, scmp_datum_t mask, std::initializer_list<int> values) {
    for (const int value : values) {
      const scmp_datum_t wanted = static_cast<uint32_t>(value);
      if (const int code = one({argument, SCMP_CMP_MASKED_EQ, mask, wanted}); code != 0) return code;
    }
    return 0;
  };
  if (call.name == "rt_sigaction") return any(0, kInt, {32, 33});
  if (call.name == "madvise") return any(2, kInt, {MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE});
  if (call.name == "futex") {
    // pthread_join() waits without FUTEX_PRIVATE_FLAG: it is the kernel that wakes it, when a thread is gone.
    return any(1, kInt & ~scmp_datum_t{FUTEX_CLOCK_REALTIME},
               {FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAIT_PRIVATE, FUTEX_WAIT_BITSET_PRIVATE, FUTEX_WAKE_PRIVATE});
  }
  if (call.name == "mprotect") return one(SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  if (call.name == "mmap") {
    return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
  }
  if (call.name == "clone") {
    return one(SCMP_A0(SCMP_CMP_MASKED_EQ, kNeverInClone | kAlwaysInClone, kAlwaysInClone));
  }
  if (call.name == "tgkill") return any(2, kInt, {SIGABRT});
  if (call.name == "ioctl") return any(1, kInt, {kSomeOfIoctl});
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

// Not of const: the kernel's interface takes no pointer to that.
Status load_program(std::span<sock_filter> instructions) {
  const sock_fprog program{.len = static_cast<uint16_t>(instructions.size()), .filter = instructions.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return process::system_failure("seccomp");
  return {};
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

Status load_guard() {
  std::vector<sock_filter> program;
  const auto load = [&](size_t offset) {
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)));
  };
  const auto answer = [&](uint32_t action) { program.push_back(BPF_STMT(BPF_RET | BPF_K, action)); };
  // What follows for this call: the lower half of its first argument decides.
  const auto check = [&](int number, uint16_t compare, uint32_t value) {
    constexpr size_t kLowerHalf = std::endian::native == std::endian::little ? 0 : 4;
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 4));
    load(offsetof(seccomp_data, args) + kLowerHalf);
    program.push_back(BPF_JUMP(static_cast<uint16_t>(BPF_JMP | compare | BPF_K), value, 0, 1));
    answer(SECCOMP_RET_ALLOW);
    answer(SECCOMP_RET_KILL_PROCESS);
  };
  load(offsetof(seccomp_data, nr));
  for (const std::span<const AllowedCall> calls : {calls_of_every_child(), calls_of_an_event_loop()}) {
    for (const AllowedCall& call : calls) {
      if (!call.condition.ends_with(kAboveStandard)) continue;
      check(seccomp_syscall_resolve_name(std::string(call.name).c_str()), BPF_JGT, STDERR_FILENO);
    }
  }
  check(SYS_tgkill, BPF_JEQ, static_cast<uint32_t>(::getpid()));
  answer(SECCOMP_RET_ALLOW);  // as far as this filter is concerned
  return load_program(program);
}

Status load_filter(ByteView filter) {
  Bytes copy = to_bytes(filter);
  return load_program({reinterpret_cast<sock_filter*>(copy.data()), copy.size() / sizeof(sock_filter)});
}

}  // namespace openpcc::sandbox
