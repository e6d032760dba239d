// parent_testing.h - for tests: a parent in a process of its own, with children that do as they are told, and a peer's
// half of the control connection.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "process/message.h"
#include "process/testing.h"
#include "process/unix_socket.h"
#include "worker/parent.h"

namespace openpcc::worker {

using namespace std::chrono_literals;
using process::UniqueFd;
using process::within;

// Where the child may look how many threads it has.
inline const ThreadShare* share_of_this_child = nullptr;

// Answers each message on its socket: "pid", "parent", "descriptors", "threads"; "broker" passes one through the
// broker's pair; "exit N" and "crash" end it; the end of the stream ends it with 3.
inline int obedient_child(ChildEnds ends) {
  const auto& [router, broker, report] = ends;
  while (true) {
    const auto message = process::receive_message(router.get(), 1000, within(10s));
    if (!message) return message.error().code == process::kPeerClosed ? 3 : 4;
    const std::string order(as_text(message->body));
    std::string answer;
    if (order == "pid") answer = std::to_string(::getpid());
    if (order == "threads") answer = std::to_string(share_of_this_child->load());
    if (order == "parent") answer = std::to_string(::getppid());
    if (order == "descriptors") {
      for (int fd = 0; fd < 200; ++fd) {
        const UniqueFd copy(::dup(fd));
        if (copy) answer += std::to_string(fd) + " ";
      }
    }
    if (order == "broker") {
      if (!process::send_message(broker.get(), as_bytes("zgen"), within(1s))) return 5;
      const auto reply = process::receive_message(broker.get(), 100, within(1s));
      if (!reply) return 6;
      answer = as_text(reply->body);
    }
    if (order == "canary") {
#ifdef __x86_64__
      uint64_t canary = 0;
      asm("movq %%fs:0x28, %0" : "=r"(canary));
      answer = std::to_string(canary);
#endif
    }
    if (order == "report") write_report(report.get(), {.tpm_us = 2'000, .first_content_us = 1, .input_tokens = 7});
    if (order == "lie" && ::write(report.get(), "a very long text instead of five numbers", 40) != 40) return 8;
    if (order == "crash") ::raise(SIGSEGV);
    if (order.starts_with("exit ")) return std::stoi(order.substr(5));
    if (!process::send_message(router.get(), as_bytes(answer), within(1s))) return 7;
  }
}

// Stands in for tpm_broker: one control connection at a time; every pair gets the answer "secret" to its first message.
class StubBroker {
 public:
  explicit StubBroker(const std::string& path) {
    auto listener = process::listen_unix(path, ::geteuid());
    EXPECT_TRUE(listener.has_value());
    listener_ = std::move(*listener);
    thread_ = std::thread([this] { serve(); });
  }
  ~StubBroker() {
    stop_ = true;
    thread_.join();
  }

 private:
  void serve() {
    while (!stop_) {
      const auto control = process::accept_unix(listener_.get(), within(10ms));
      while (control && !stop_) {
        const auto offer = process::receive_message(control->get(), 10, within(10ms));
        if (!offer && offer.error().code == process::kTimeout) continue;
        if (!offer || !offer->fd) break;
        const auto asked = process::receive_message(offer->fd.get(), 100, within(1s));
        if (asked) (void)process::send_message(offer->fd.get(), as_bytes("secret"), within(1s));
      }
    }
  }
  std::atomic<bool> stop_ = false;
  UniqueFd listener_;
  std::thread thread_;
};

// A parent in a process of its own.
class WorkerParent : public ::testing::Test {
 protected:
  void start(ParentOptions options = {}, bool broker_is_there = true) {
    options.router_com_uid = ::geteuid();
    options.engine = "noop";
    options.models = {"a", "b"};
    auto listener = process::listen_unix(path(), ::geteuid());
    ASSERT_TRUE(listener.has_value()) << listener.error().message;
    pid_ = ::fork();
    if (pid_ == 0) {
      const int keep[] = {listener->get()};
      if (!process::close_all_but(keep)) ::_exit(2);
      const BrokerLink link{
          .connect = [&] { return process::connect_unix(broker_path(), process::Clock::now()); },
          .offer_pair = [](int control, int end) { return process::send_message(control, {}, within(1s), end); }};
      // These children show what a locked-down one cannot.
      auto sandbox =
          sandbox::Sandbox::create({.without = {std::begin(sandbox::kAllLayers), std::end(sandbox::kAllLayers)}});
      if (!sandbox) ::_exit(2);
      if (threads_ != 0) {
        auto shares = ThreadShares::create(options.children.users(), threads_);
        if (!shares) ::_exit(2);
        options.children.shares = std::make_shared<ThreadShares>(std::move(*shares));
        options.children.follow = [](const ThreadShare& share) { share_of_this_child = &share; };
      }
      auto parent = Parent::create(std::move(*listener), *sandbox, options, obedient_child, link);
      ::_exit(parent && parent->run() ? 0 : 1);
    }
    if (broker_is_there) start_broker();
  }
  void start_broker() {
    broker_ = std::make_unique<StubBroker>(broker_path());
    std::this_thread::sleep_for(100ms);  // the parent looks for it every 50 ms
  }
  void TearDown() override {
    if (pid_ > 0) stop(SIGKILL);
  }
  int stop(int signal) {
    ::kill(pid_, signal);
    int status = -1;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }
  [[nodiscard]] std::string path() const { return directory_.file("w"); }
  [[nodiscard]] std::string broker_path() const { return directory_.file("b"); }
  UniqueFd connect() {
    auto connection = process::connect_unix(path(), within(5s));
    EXPECT_TRUE(connection.has_value());
    return std::move(*connection);
  }

  process::TemporaryDirectory directory_;
  std::unique_ptr<StubBroker> broker_;
  pid_t pid_ = 0;
  uint32_t threads_ = 0;  // to be shared out among the children; set it before start()
};

struct Answer {
  ControlMessage message;
  UniqueFd fd;
};

inline Answer next(const UniqueFd& connection) {
  auto received = process::receive_message(connection.get(), kMaxControlMessage, within(5s));
  EXPECT_TRUE(received.has_value()) << received.error().message;
  if (!received) return {};
  const auto message = parse_control(received->body);
  EXPECT_TRUE(message.has_value());
  return {message.value_or(ControlMessage{}), std::move(received->fd)};
}

inline void tell(const UniqueFd& connection, const ControlMessage& message) {
  ASSERT_TRUE(process::send_message(connection.get(), encode(message), within(1s)).has_value());
}

inline Answer start_child(const UniqueFd& connection, uint32_t tag = 1) {
  tell(connection, {.type = ControlType::kStart, .tag = tag});
  Answer answer = next(connection);
  EXPECT_EQ(answer.message.type, ControlType::kStarted);
  EXPECT_EQ(answer.message.tag, tag);
  EXPECT_TRUE(static_cast<bool>(answer.fd));
  return answer;
}

inline std::string ask(const UniqueFd& child, std::string_view order) {
  EXPECT_TRUE(process::send_message(child.get(), as_bytes(order), within(1s)).has_value());
  const auto reply = process::receive_message(child.get(), 1000, within(5s));
  return reply ? std::string(as_text(reply->body)) : "no answer";
}

inline bool ends_within(const UniqueFd& child, process::Clock::duration limit) {
  pollfd entry{child.get(), POLLIN, 0};
  char byte = 0;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return ::poll(&entry, 1, static_cast<int>(milliseconds)) == 1 && ::read(child.get(), &byte, 1) == 0;
}

}  // namespace openpcc::worker
