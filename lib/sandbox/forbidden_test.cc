// What a child in the sandbox tries in vain.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>
#include <vector>

#include "base/sanitizers.h"
#include "process/harden.h"
#include "process/message.h"
#include "process/privileges.h"
#include "process/unix_socket.h"
#include "sandbox/landlock.h"
#include "sandbox/sandbox_testing.h"

namespace openpcc::sandbox {
namespace {

struct Forbidden {
  const char* name;
  std::function<int()> attempt;
};

// What a system call of the other numberings that this processor has would be: x32's, and 32-bit programs'.
constexpr long kX32 = 0x4000'0000;
int old_getpid() {
#ifdef __x86_64__
  long result = 20;
  asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result > 0 ? 0 : 1;
#else
  return outcome(::socket(AF_INET, SOCK_STREAM, 0));
#endif
}

// As far as the kernel is concerned this is the descriptor.
long with_more_bits(int fd) {
  return (1L << 32) | fd;
}

long advise(int advice) {
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return ::madvise(memory, 4096, advice);
}

long futex(int operation) {
  static uint32_t word = 0;
  return ::syscall(SYS_futex, &word, operation, 1, nullptr, nullptr, 0);
}

const std::vector<Forbidden>& forbidden() {
  static const std::vector<Forbidden> all = {
      {"exec", [] { return outcome(::execl("/bin/true", "true", nullptr)); }},
      {"execveat", [] { return outcome(::syscall(SYS_execveat, AT_FDCWD, "/bin/true", nullptr, nullptr, 0)); }},
      {"open", [] { return outcome(::syscall(SYS_open, "/etc/passwd", O_RDONLY)); }},
      {"openat2", [] { return outcome(::syscall(437, AT_FDCWD, "/etc/passwd", nullptr, 0)); }},
      {"creat", [] { return outcome(::syscall(SYS_creat, "/tmp/openpcc-must-not-be", 0600)); }},
      {"unlink", [] { return outcome(::syscall(SYS_unlink, "/tmp/openpcc-nothing")); }},
      {"mkdir", [] { return outcome(::syscall(SYS_mkdir, "/tmp/openpcc-must-not-be", 0700)); }},
      {"memfd_create", [] { return outcome(::memfd_create("x", 0)); }},
      {"socket", [] { return outcome(::socket(AF_INET, SOCK_STREAM, 0)); }},
      {"unix socket", [] { return outcome(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
      {"connect",
       [] {
         const sockaddr_in address = loopback(9);
         return outcome(::connect(0, reinterpret_cast<const sockaddr*>(&address), sizeof address));
       }},
      {"bind", [] { return outcome(::syscall(SYS_bind, 0, nullptr, 0)); }},
      {"accept", [] { return outcome(::syscall(SYS_accept4, 0, nullptr, nullptr, 0)); }},
      {"ptrace", [] { return outcome(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }},
      {"process_vm_writev", [] { return outcome(::syscall(SYS_process_vm_writev, 1, nullptr, 0, nullptr, 0, 0)); }},
      {"kill", [] { return outcome(::kill(kNobody, 0)); }},
      {"kill itself", [] { return outcome(::syscall(SYS_kill, ::getpid(), SIGTERM)); }},
      {"fork", [] { return outcome(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }},
      {"vfork", [] { return outcome(::syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0)); }},
      {"user namespace", [] { return outcome(::unshare(CLONE_NEWUSER)); }},
      {"thread in a user namespace",
       [] {
         constexpr long kFlags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWUSER;
         return outcome(::syscall(SYS_clone, kFlags, 0, 0, 0, 0));
       }},
      {"x32: write", [] { return outcome(::syscall(kX32 | SYS_write, STDERR_FILENO, "", 0)); }},
      {"x32: exec", [] { return outcome(::syscall(kX32 | 520, "/bin/true", nullptr, nullptr)); }},
      {"int 0x80: getpid", old_getpid},
      {"setns", [] { return outcome(::syscall(SYS_setns, 0, 0)); }},
      {"setuid", [] { return outcome(::syscall(SYS_setresuid, 0, 0, 0)); }},
      {"prlimit", [] { return outcome(::syscall(SYS_prlimit64, 0, RLIMIT_AS, nullptr, nullptr)); }},
      {"executable memory", [] { return outcome(::mprotect(nullptr, 4096, PROT_READ | PROT_EXEC)); }},
      {"executable mapping",
       [] {
         void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return outcome(memory == MAP_FAILED ? -1 : 0);
       }},
      {"file mapping",
       [] { return outcome(::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, 0, 0) == MAP_FAILED ? -1 : 0); }},
      {"dup", [] { return outcome(::dup(0)); }},
      {"fcntl to copy", [] { return outcome(::fcntl(0, F_DUPFD, 10)); }},
      {"fcntl, signals to another process", [] { return outcome(::fcntl(7, F_SETOWN, kNobody)); }},
      {"fcntl on the log", [] { return outcome(::fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK)); }},
      {"fcntl on another", [] { return outcome(::fcntl(7, F_SETFL, O_ASYNC)); }},
      {"shutdown of the log", [] { return outcome(::shutdown(STDERR_FILENO, SHUT_RDWR)); }},
      {"shutdown, more bits", [] { return outcome(::syscall(SYS_shutdown, with_more_bits(1), SHUT_RDWR)); }},
      {"ioctl on the log",
       [] {
         int on = 1;
         return outcome(::ioctl(STDERR_FILENO, FIONBIO, &on));
       }},
      {"ioctl, more bits", [] { return outcome(::syscall(SYS_ioctl, with_more_bits(2), FIONBIO, nullptr)); }},
      {"ioctl on another", [] { return outcome(::ioctl(7, FIOASYNC, nullptr)); }},
      {"sendmsg to the log", [] { return outcome(::sendmsg(STDERR_FILENO, nullptr, 0)); }},
      {"sendmsg, more bits", [] { return outcome(::syscall(SYS_sendmsg, with_more_bits(2), nullptr, 0)); }},
      {"sendto to the log", [] { return outcome(::send(STDERR_FILENO, "", 0, 0)); }},
      {"recvmsg from standard input", [] { return outcome(::recvmsg(STDIN_FILENO, nullptr, 0)); }},
      {"getsockopt of the log",
       [] { return outcome(::syscall(SYS_getsockopt, STDERR_FILENO, 0, 0, nullptr, nullptr)); }},
      {"recvfrom the log", [] { return outcome(::recv(STDERR_FILENO, nullptr, 0, 0)); }},
      {"madvise: not copied at a fork", [] { return outcome(advise(MADV_DONTFORK)); }},
      {"madvise: share with others", [] { return outcome(advise(MADV_MERGEABLE)); }},
      {"futex: wake another process", [] { return outcome(futex(FUTEX_WAKE)); }},
      {"futex: requeue", [] { return outcome(futex(FUTEX_CMP_REQUEUE)); }},
      {"futex: inherit priority", [] { return outcome(futex(FUTEX_LOCK_PI)); }},
      {"seccomp", [] { return outcome(::syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, nullptr)); }},
      {"bpf", [] { return outcome(::syscall(SYS_bpf, 0, nullptr, 0)); }},
      {"keyctl", [] { return outcome(::syscall(SYS_keyctl, 0, 0)); }},
      {"io_uring", [] { return outcome(::syscall(425, 1, nullptr)); }},
      {"perf_event_open", [] { return outcome(::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0)); }},
      {"userfaultfd", [] { return outcome(::syscall(SYS_userfaultfd, 0)); }},
      {"shared memory", [] { return outcome(::syscall(SYS_shmget, 1, 4096, 0600)); }},
      {"SIGKILL to a thread", [] { return outcome(::syscall(SYS_tgkill, ::getpid(), ::gettid(), SIGKILL)); }},
      {"SIGABRT to another process", [] { return outcome(::syscall(SYS_tgkill, kNobody, kNobody, SIGABRT)); }},
  };
  return all;
}

// Sanitizers' own calls, which a build with one must allow; and what this kernel does not have.
bool cannot_be_tried(std::string_view name) {
  if (name == "int 0x80: getpid") return run_in_child(old_getpid) != 0;
  return kSanitized && (name == "prlimit" || name.starts_with("madvise"));
}

TEST(Sandbox, EveryForbiddenThingEndsTheProcess) {
  for (const auto& [name, attempt] : forbidden()) {
    if (cannot_be_tried(name)) continue;
    for (const bool event_loop : {false, true}) {
      EXPECT_EQ(in_sandbox({.event_loop = event_loop}, attempt), kKilled) << name << (event_loop ? ", event loop" : "");
    }
  }
}

TEST(Sandbox, WhatIsSharedWithTheParentCannotBeChangedThroughAChild) {
  auto log = process::socket_pair();
  ASSERT_TRUE(log.has_value());
  const auto attempt = [](const std::function<int()>& body) { return in_sandbox({.event_loop = true}, body); };
  const int standard_error = ::dup(STDERR_FILENO);
  ASSERT_EQ(::dup2(log->second.get(), STDERR_FILENO), STDERR_FILENO);
  const int shut = attempt([] { return outcome(::shutdown(STDERR_FILENO, SHUT_RDWR)); });
  int on = 1;
  const int not_blocking = attempt([&] { return outcome(::ioctl(STDERR_FILENO, FIONBIO, &on)); });
  const bool works =
      ::send(STDERR_FILENO, "x", 1, MSG_NOSIGNAL) == 1 && (::fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) == 0;
  ::dup2(standard_error, STDERR_FILENO);
  ::close(standard_error);
  EXPECT_EQ(shut, kKilled);
  EXPECT_EQ(not_blocking, kKilled);
  EXPECT_TRUE(works);
}

TEST(Sandbox, ItsOwnSocketsCanBeUsedInEveryWay) {
  auto ends = process::socket_pair();
  ASSERT_TRUE(ends.has_value());
  EXPECT_EQ(in_sandbox({.event_loop = true},
                       [&] {
                         int on = 1;
                         if (::ioctl(ends->first.get(), FIONBIO, &on) != 0) return 1;
                         if (::send(ends->first.get(), "a", 1, MSG_NOSIGNAL) != 1) return 2;
                         char byte = 0;
                         if (::recv(ends->second.get(), &byte, 1, 0) != 1) return 3;
                         return ::shutdown(ends->first.get(), SHUT_WR) == 0 ? 0 : 4;
                       },
                       {ends->first.get(), ends->second.get()}),
            0);
}

TEST(Sandbox, ALogThatTakesNothingDoesNotEndTheChild) {
  const process::TemporaryDirectory directory;
  const process::UniqueFd file(::open(directory.file("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  int pipe[2] = {-1, -1};
  ASSERT_EQ(::pipe(pipe), 0);
  ::close(pipe[0]);
  const process::UniqueFd without_reader(pipe[1]);
  // A write past the limit on the size of files, and one that nobody can read.
  EXPECT_EQ(in_sandbox({},
                       [&] {
                         if (::write(file.get(), "line\n", 5) != -1 || errno != EFBIG) return 1;
                         return ::write(without_reader.get(), "line\n", 5) == -1 && errno == EPIPE ? 0 : 2;
                       },
                       {file.get(), without_reader.get()}),
            0);
}

TEST(Sandbox, OneThreadThatDoesSoEndsThemAll) {
  EXPECT_EQ(in_sandbox({},
                       [] {
                         std::thread([] { (void)::socket(AF_INET, SOCK_STREAM, 0); }).join();
                         return 0;
                       }),
            kKilled);
}

}  // namespace
}  // namespace openpcc::sandbox
