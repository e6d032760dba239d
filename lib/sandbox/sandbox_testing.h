// sandbox_testing.h - for tests: code that runs in a child inside the sandbox, and what came of it.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <functional>
#include <iterator>
#include <set>
#include <vector>

#include "process/testing.h"
#include "sandbox/sandbox.h"

namespace openpcc::sandbox {

using namespace std::chrono_literals;
using process::run_in_child;

inline constexpr uid_t kUid = 59777;
inline constexpr int kKilled = 1000 + SIGSYS;
inline constexpr pid_t kNobody = 1 << 29;  // no process of Linux has so high a number

inline bool is_root() {
  return ::geteuid() == 0;
}

// What is left without root: two layers.
inline std::set<Layer> unavailable() {
  return is_root() ? std::set<Layer>{} : std::set<Layer>{Layer::kUser, Layer::kNetwork};
}
inline std::set<Layer> all_but(Layer kept) {
  std::set<Layer> without(std::begin(kAllLayers), std::end(kAllLayers));
  without.erase(kept);
  return without;
}

// What `body` returns in a child that has entered the sandbox; 1000 + signal when one ended it; 90 when it got nowhere.
inline int in_sandbox(Options options, const std::function<int()>& body, std::vector<int> keep = {}) {
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
inline int outcome(long result) {
  return result >= 0 ? 0 : errno;
}

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace openpcc::sandbox
