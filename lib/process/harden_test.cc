#include "process/harden.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <thread>

#include "process/log.h"
#include "process/notify.h"
#include "process/signals.h"
#include "process/testing.h"
#include "process/unix_socket.h"
#include "process/user.h"

namespace openpcc::process {
namespace {

using namespace std::chrono_literals;

TEST(Harden, NoDumpNoTraceNoNewPrivileges) {
  EXPECT_EQ(run_in_child([] {
              if (::geteuid() == 0 && !become(User{61234, 61234, "x"})) return 1;
              if (!harden_process()) return 2;
              rlimit core{};
              if (::getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0) return 3;
              if (::prctl(PR_GET_DUMPABLE) != 0) return 4;
              if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 5;
              if (::open("/proc/self/mem", O_RDONLY) >= 0) return 6;  // its own uid may not read it any more
              return 0;
            }),
            0);
}

TEST(Harden, ChildDiesWithItsParent) {
  auto ends = socket_pair();
  ASSERT_TRUE(ends.has_value());
  EXPECT_EQ(run_in_child([&] {
              const pid_t parent = ::getpid();
              if (::fork() == 0) {
                ends->first.reset();
                if (!die_with_parent(parent)) ::_exit(1);
                const char ready = 'r';
                if (::write(ends->second.get(), &ready, 1) != 1) ::_exit(1);
                ::pause();
              }
              char ready = 0;
              return ::read(ends->first.get(), &ready, 1) == 1 ? 0 : 1;
            }),
            0);
  ends->second.reset();
  // The grandchild holds the other end: the stream ends when it does.
  ASSERT_TRUE(wait_for(ends->first.get(), 0x001 /*POLLIN*/, within(5s)).has_value());
  char byte = 0;
  EXPECT_EQ(::read(ends->first.get(), &byte, 1), 0);
}

TEST(Harden, ParentThatIsGoneIsNoticed) {
  EXPECT_EQ(run_in_child([] {
              const auto status = die_with_parent(::getpid());  // nobody is his own parent
              return !status && status.error().code == kPeerClosed ? 0 : 1;
            }),
            0);
}

TEST(Harden, NetworkIsGone) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: a network namespace needs root";
  const int outcome = run_in_child([] {
    const auto isolated = isolate_network();
    if (!isolated) return 1;
    if (!*isolated) return 77;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0) return 3;
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 2 : 0;
  });
  if (outcome == 77) GTEST_SKIP() << "skipped: this machine permits no network namespace";
  EXPECT_EQ(outcome, 0);
}

TEST(Harden, LimitsOnlyFall) {
  EXPECT_EQ(run_in_child([] {
              if (!limit_resource(RLIMIT_NOFILE, 64)) return 1;
              if (!limit_resource(RLIMIT_NOFILE, 128)) return 2;
              rlimit limit{};
              if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 3;
              return limit.rlim_max == 64 && limit.rlim_cur == 64 ? 0 : 4;
            }),
            0);
}

TEST(Harden, OtherThreadsAreSeen) {
  std::atomic<bool> stop = false;
  std::thread other([&] {
    while (!stop) std::this_thread::sleep_for(1ms);
  });
  EXPECT_TRUE(has_other_threads());
  stop = true;
  other.join();
}

TEST(CloseAllBut, KeepsWhatIsListed) {
  EXPECT_EQ(run_in_child([] {
              const int a = ::dup(0), b = ::dup(0), c = ::dup(0), d = ::dup(0);
              const int keep[] = {d, 0, b, b};
              if (!close_all_but(keep)) return 1;
              const auto open = [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; };
              if (open(a) || !open(b) || open(c) || !open(d)) return 2;
              if (!open(0) || !open(1) || !open(2)) return 3;
              return 0;
            }),
            0);
}

TEST(Signals, ComeAsEvents) {
  EXPECT_EQ(run_in_child([] {
              auto signals = SignalFd::create({SIGTERM, SIGUSR1});
              if (!signals || signals->next().value_or(-1) != 0) return 1;
              ::kill(::getpid(), SIGUSR1);
              if (!wait_for(signals->fd(), 0x001, within(1s))) return 2;
              if (signals->next().value_or(-1) != SIGUSR1) return 3;
              restore_signals();
              ::kill(::getpid(), SIGTERM);
              return 4;
            }),
            1000 + SIGTERM);
}

TEST(Log, LevelsAreChecked) {
  EXPECT_EQ(run_in_child([] {
              for (const char* level : {"", "trace", "debug", "info", "warn", "error", "off"}) {
                if (!set_up_log("test", level)) return 1;
              }
              const auto wrong = set_up_log("test", "loud");
              return !wrong && wrong.error().code == kBadLogLevel ? 0 : 2;
            }),
            0);
}

TEST(Notify, SaysReadyToItsSupervisor) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("notify");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_GE(socket.get(), 0);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(run_in_child([&] {
              if (!notify_ready()) return 1;  // nobody asked for it
              ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
              return notify_ready() ? 0 : 2;
            }),
            0);
  char text[32] = {};
  EXPECT_EQ(::recv(socket.get(), text, sizeof(text), MSG_DONTWAIT), 7);
  EXPECT_STREQ(text, "READY=1");

  const auto with_watchdog = [&](const char* interval, const std::string& pid) {
    return run_in_child([&] {
      ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
      ::setenv("WATCHDOG_USEC", interval, 1);
      ::setenv("WATCHDOG_PID", pid.empty() ? std::to_string(::getpid()).c_str() : pid.c_str(), 1);
      Watchdog watchdog;
      if (watchdog.next() == kForever) return 9;
      watchdog.tick();
      watchdog.tick();  // not due yet
      const auto left = watchdog.next() - Clock::now();
      return left > 5s && left <= 10s ? 0 : 1;
    });
  };
  EXPECT_EQ(with_watchdog("20000000", ""), 0);
  EXPECT_EQ(::recv(socket.get(), text, sizeof(text), MSG_DONTWAIT), 10);
  EXPECT_EQ(std::string_view(text, 10), "WATCHDOG=1");
  EXPECT_EQ(::recv(socket.get(), text, sizeof(text), MSG_DONTWAIT), -1);
  for (const char* nonsense : {"", "0", "-1", "soon", "999999999999999999999"})
    EXPECT_EQ(with_watchdog(nonsense, ""), 9);
  EXPECT_EQ(with_watchdog("20000000", "1"), 9) << "another process is asked";
}

}  // namespace
}  // namespace openpcc::process
