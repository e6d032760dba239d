#include "sandbox/sandbox.h"

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
#include "process/testing.h"
#include "process/unix_socket.h"
#include "sandbox/landlock.h"

namespace openpcc::sandbox {
namespace {

using namespace std::chrono_literals;
using process::run_in_child;

constexpr uid_t kUid = 59777;
constexpr int kKilled = 1000 + SIGSYS;
constexpr pid_t kNobody = 1 << 29;  // no process of Linux has so high a number

bool is_root() {
  return ::geteuid() == 0;
}

// What is left without root: two layers.
std::set<Layer> unavailable() {
  return is_root() ? std::set<Layer>{} : std::set<Layer>{Layer::kUser, Layer::kNetwork};
}
std::set<Layer> all_but(Layer kept) {
  std::set<Layer> without(std::begin(kAllLayers), std::end(kAllLayers));
  without.erase(kept);
  return without;
}

// What `body` returns in a child that has entered the sandbox; 1000 + signal when one ended it; 90 when it got nowhere.
int in_sandbox(Options options, const std::function<int()>& body, std::vector<int> keep = {}) {
  options.without.merge(unavailable());
  const auto sandbox = Sandbox::create(options);
  EXPECT_TRUE(sandbox.has_value()) << sandbox.error().message;
  if (!sandbox) return -1;
  const pid_t parent = ::getpid();
  return run_in_child([&] {
    if (const auto entered = sandbox->enter(kUid, parent, keep); !entered) {
      std::fprintf(stderr, "%s\n", entered.error().message.c_str());
      return 90;
    }
    return body();
  });
}

// 0 when it worked, else errno.
int outcome(long result) {
  return result >= 0 ? 0 : errno;
}

struct Forbidden {
  const char* name;
  std::function<int()> attempt;
};

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

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

TEST(Sandbox, ThreadsMemoryTimeAndSocketsWork) {
  auto ends = process::socket_pair();
  ASSERT_TRUE(ends.has_value());
  ASSERT_TRUE(process::send_message(ends->first.get(), as_bytes("hello"), process::within(1s)).has_value());
  EXPECT_EQ(in_sandbox({},
                       [&] {
                         const auto message = process::receive_message(ends->second.get(), 100, process::within(1s));
                         if (!message || as_text(message->body) != "hello") return 1;
                         std::atomic<int> sum = 0;
                         std::vector<std::thread> threads;
                         for (int i = 0; i < 8; ++i) {
                           threads.emplace_back([&sum, i] {
                             std::vector<uint8_t> some(1 << 20, static_cast<uint8_t>(i));
                             sum += some[123];
                             std::this_thread::sleep_for(1ms);
                             ::sched_yield();
                           });
                         }
                         for (std::thread& thread : threads) thread.join();
                         if (sum != 28) return 2;
                         try {
                           throw std::runtime_error("caught");
                         } catch (const std::exception&) {
                           sum = 0;
                         }
                         return process::send_message(ends->second.get(), as_bytes("done"), process::within(1s)) ? 0
                                                                                                                 : 3;
                       },
                       {ends->second.get()}),
            0);
  const auto answer = process::receive_message(ends->first.get(), 100, process::within(1s));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(as_text(answer->body), "done");
}

TEST(Sandbox, AbortIsAbort) {
  EXPECT_EQ(in_sandbox({},
                       [] {
                         std::abort();
                         return 0;
                       }),
            1000 + SIGABRT);
}

TEST(Sandbox, NothingIsOpenButWhatIsKept) {
  const process::UniqueFd file(::open("/dev/null", O_RDONLY));
  const process::UniqueFd kept(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(in_sandbox({},
                       [&] {
                         char byte = 0;
                         if (::read(file.get(), &byte, 1) != -1 || errno != EBADF) return 1;
                         return ::read(kept.get(), &byte, 1) == 0 ? 0 : 2;
                       },
                       {kept.get()}),
            0);
}

// Each layer on its own: what the one above would have caught first.

TEST(SandboxLayers, LandlockAloneKeepsFilesClosed) {
  if (landlock_version() == 0) GTEST_SKIP() << "skipped: this kernel has no Landlock";
  const Options options{.without = all_but(Layer::kLandlock)};
  EXPECT_EQ(in_sandbox(options, [] { return outcome(::open("/etc/passwd", O_RDONLY)); }), EACCES);
  EXPECT_EQ(in_sandbox(options, [] { return outcome(::open("/tmp", O_RDONLY | O_DIRECTORY)); }), EACCES);
  EXPECT_EQ(in_sandbox(options, [] { return outcome(::mkdir("/tmp/openpcc-must-not-be", 0700)); }), EACCES);
  EXPECT_EQ(in_sandbox(options, [] { return outcome(::execl("/bin/true", "true", nullptr)); }), EACCES);
  if (landlock_version() >= 4) {
    EXPECT_EQ(in_sandbox(options,
                         [] {
                           const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
                           if (fd < 0) return -1;
                           const sockaddr_in address = loopback(9);
                           return outcome(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
                         }),
              EACCES);
  }
  if (landlock_version() >= 6) {
    EXPECT_EQ(in_sandbox(options, [] { return outcome(::kill(::getppid(), 0)); }), EPERM);
  }
}

TEST(SandboxLayers, TheUserAloneIsNobodyElse) {
  if (!is_root()) GTEST_SKIP() << "skipped: a change of user needs root";
  const Options options{.without = all_but(Layer::kUser)};
  EXPECT_EQ(in_sandbox(options, [] { return ::getuid() == kUid && ::getgid() == kUid ? 0 : 1; }), 0);
  EXPECT_EQ(in_sandbox(options, [] { return outcome(::kill(::getppid(), 0)); }), EPERM);
  EXPECT_EQ(in_sandbox(options, [] { return outcome(::setresuid(0, 0, 0)); }), EPERM);
  EXPECT_EQ(in_sandbox(options, [] { return outcome(::open("/etc/shadow", O_RDONLY)); }), EACCES);
  EXPECT_EQ(in_sandbox(options, [] { return outcome(::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr)); }), EPERM);
}

TEST(SandboxLayers, TheNetworkAloneIsEmpty) {
  if (!is_root()) GTEST_SKIP() << "skipped: a network namespace needs root";
  const Options options{.without = all_but(Layer::kNetwork), .own_network = true};
  EXPECT_EQ(in_sandbox(options,
                       [] {
                         const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
                         const sockaddr_in address = loopback(9);
                         return outcome(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
                       }),
            ENETUNREACH);
}

TEST(SandboxLayers, WithoutAnyOfThemTheRestIsThere) {
  const Options options{.without = {std::begin(kAllLayers), std::end(kAllLayers)}};
  EXPECT_EQ(in_sandbox(options,
                       [] {
                         if (::prctl(PR_GET_DUMPABLE) != 0) return 1;
                         if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 2;
                         int signal = 0;
                         if (::prctl(PR_GET_PDEATHSIG, &signal) != 0 || signal != SIGKILL) return 3;
                         rlimit limit{};
                         for (const auto which : {RLIMIT_CORE, RLIMIT_FSIZE}) {
                           if (::getrlimit(which, &limit) != 0 || limit.rlim_max != 0) return 4;
                         }
                         return 0;
                       }),
            0);
}

TEST(Sandbox, TheParentDeathSignalOutlivesTheChangeOfUser) {
  // With prctl allowed by leaving out seccomp, everything else on.
  EXPECT_EQ(in_sandbox({.without = {Layer::kSeccomp}},
                       [] {
                         int signal = 0;
                         return ::prctl(PR_GET_PDEATHSIG, &signal) == 0 && signal == SIGKILL ? 0 : 1;
                       }),
            0);
}

TEST(Sandbox, AParentThatIsGoneIsNoticed) {
  const auto sandbox = Sandbox::create({.without = unavailable()});
  ASSERT_TRUE(sandbox.has_value());
  EXPECT_EQ(run_in_child([&] {
              const auto entered = sandbox->enter(kUid, ::getpid(), {});  // nobody is his own parent
              return !entered && entered.error().code == process::kPeerClosed ? 0 : 1;
            }),
            0);
}

TEST(SandboxLimits, MemoryBeyondTheLimitIsNotThere) {
  if (kSanitized) GTEST_SKIP() << "skipped: built with a sanitizer, the limit on memory is off";
  const auto allocate = [] {
    try {
      std::vector<uint8_t> much(size_t{200} << 20, 1);
      return much[77] == 1 ? 0 : 1;
    } catch (const std::bad_alloc&) {
      return 12;
    }
  };
  EXPECT_EQ(in_sandbox({.memory_bytes = uint64_t{100} << 20}, allocate), 12);
  EXPECT_EQ(in_sandbox({.memory_bytes = uint64_t{300} << 20}, allocate), 0);
}

TEST(SandboxLimits, ProcessorTimeEndsWithItsSignal) {
  EXPECT_EQ(in_sandbox({.cpu_time = 1s},
                       [] {
                         while (true) {
                           volatile int busy = 0;
                           busy = busy + 1;
                         }
                         return 0;
                       }),
            1000 + SIGXCPU);
}

TEST(SandboxLimits, OthersComeFirstForTheProcessorAndLastWhenMemoryRunsOut) {
  const Options options{.without = {std::begin(kAllLayers), std::end(kAllLayers)}};
  const auto body = [&options](int niceness) {
    const auto sandbox = Sandbox::create(options);
    const pid_t parent = ::getpid();
    return run_in_child([&] {
      if (!sandbox->enter(kUid, parent, {})) return 90;
      int score = 0;
      if (!(std::ifstream("/proc/self/oom_score_adj") >> score) || score != 1000) return 1;
      errno = 0;
      return ::getpriority(PRIO_PROCESS, 0) == niceness && errno == 0 ? 0 : 2;
    });
  };
  const int now = ::getpriority(PRIO_PROCESS, 0);
  EXPECT_EQ(body(std::min(now + 5, 19)), 0);
  // As compute_worker's parent is: hardened, so that not even its own files in /proc are its own.
  EXPECT_EQ(run_in_child([&] {
              if (is_root() && !process::become({61234, 61234, "x"})) return 91;
              if (!process::harden_process()) return 92;
              const int code = body(std::min(now + 5, 19));
              if (code != 0) return code;
              int score = 0;
              if (!(std::ifstream("/proc/self/oom_score_adj") >> score) || score == 1000) return 93;
              return ::prctl(PR_GET_DUMPABLE) == 0 ? 0 : 94;
            }),
            0);
}

TEST(SandboxLimits, ThreadsAreCounted) {
  if (kUnderThreadSanitizer) GTEST_SKIP() << "skipped: ThreadSanitizer starts threads of its own";
  if (!is_root()) GTEST_SKIP() << "skipped: threads are counted per user id, and a change of user needs root";
  EXPECT_EQ(in_sandbox({.max_threads = 3},
                       [] {
                         std::vector<std::thread> threads;
                         std::atomic<bool> stop = false;
                         int started = 0;
                         try {
                           for (; started < 10; ++started) {
                             threads.emplace_back([&] {
                               while (!stop) std::this_thread::sleep_for(1ms);
                             });
                           }
                         } catch (const std::system_error&) {
                         }
                         stop = true;
                         for (std::thread& thread : threads) thread.join();
                         return started;
                       }),
            2);
}

TEST(Sandbox, ATrialSaysWhichLayerIsMissing) {
  EXPECT_TRUE(Sandbox::create({.without = unavailable()})->try_out(kUid).has_value());
  // As a process that has dropped root sees it.
  EXPECT_EQ(run_in_child([] {
              if (is_root() && !process::become({61234, 61234, "x"})) return 1;
              const auto tried = Sandbox::create({})->try_out(kUid);
              if (tried || tried.error().code != kUnavailable) return 2;
              if (tried.error().message.find("'user'") == std::string::npos) return 3;
              if (tried.error().message.find("sandbox.without") == std::string::npos) return 4;
              const auto network = Sandbox::create({.without = {Layer::kUser}, .own_network = true})->try_out(kUid);
              if (network || network.error().message.find("'network'") == std::string::npos) return 5;
              return Sandbox::create({.without = {Layer::kUser, Layer::kNetwork}})->try_out(kUid) ? 0 : 6;
            }),
            0);
}

TEST(Sandbox, AMissingLayerOfTheKernelIsNamed) {
  // A filter of ours stands in for a kernel without Landlock.
  EXPECT_EQ(run_in_child([] {
              std::array<sock_filter, 4> program = {sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
                                                    sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 444},
                                                    sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
                                                    sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
              const sock_fprog filter{.len = program.size(), .filter = program.data()};
              if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
              if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) return 2;
              const auto tried = Sandbox::create({.without = unavailable()})->try_out(kUid);
              if (tried || tried.error().message.find("'landlock'") == std::string::npos) return 3;
              auto without = unavailable();
              without.insert(Layer::kLandlock);
              return Sandbox::create({.without = without})->try_out(kUid) ? 0 : 4;
            }),
            0);
}

TEST(Sandbox, LayersHaveNames) {
  for (const Layer layer : kAllLayers) EXPECT_EQ(layer_named(name_of(layer)), layer);
  EXPECT_EQ(layer_named("selinux"), std::nullopt);
}

}  // namespace
}  // namespace openpcc::sandbox
