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
#include "process/unix_socket.h"
#include "sandbox/landlock.h"
#include "sandbox/sandbox_testing.h"

namespace openpcc::sandbox {
namespace {

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
