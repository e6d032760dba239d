#include "worker/parent.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <sys/stat.h>
#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <set>
#include <thread>

#include "process/message.h"
#include "process/testing.h"
#include "process/unix_socket.h"
#include "process/user.h"
#include "worker/ping.h"

namespace openpcc::worker {
namespace {

using namespace std::chrono_literals;
using process::UniqueFd;
using process::within;

Bytes text(std::string_view value) {
  return to_bytes(as_bytes(value));
}

// Answers each message on its socket: "pid", "parent", "descriptors"; "broker" passes one through the broker's pair;
// "exit N" and "crash" end it; the end of the stream ends it with 3.
int obedient_child(ChildEnds ends) {
  const auto& [router, broker, report] = ends;
  while (true) {
    const auto message = process::receive_message(router.get(), 1000, within(10s));
    if (!message) return message.error().code == process::kPeerClosed ? 3 : 4;
    const std::string order(as_text(message->body));
    std::string answer;
    if (order == "pid") answer = std::to_string(::getpid());
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
};

struct Answer {
  ControlMessage message;
  UniqueFd fd;
};

Answer next(const UniqueFd& connection) {
  auto received = process::receive_message(connection.get(), kMaxControlMessage, within(5s));
  EXPECT_TRUE(received.has_value()) << received.error().message;
  if (!received) return {};
  const auto message = parse_control(received->body);
  EXPECT_TRUE(message.has_value());
  return {message.value_or(ControlMessage{}), std::move(received->fd)};
}

void tell(const UniqueFd& connection, const ControlMessage& message) {
  ASSERT_TRUE(process::send_message(connection.get(), encode(message), within(1s)).has_value());
}

Answer start_child(const UniqueFd& connection, uint32_t tag = 1) {
  tell(connection, {.type = ControlType::kStart, .tag = tag});
  Answer answer = next(connection);
  EXPECT_EQ(answer.message.type, ControlType::kStarted);
  EXPECT_EQ(answer.message.tag, tag);
  EXPECT_TRUE(static_cast<bool>(answer.fd));
  return answer;
}

std::string ask(const UniqueFd& child, std::string_view order) {
  EXPECT_TRUE(process::send_message(child.get(), as_bytes(order), within(1s)).has_value());
  const auto reply = process::receive_message(child.get(), 1000, within(5s));
  return reply ? std::string(as_text(reply->body)) : "no answer";
}

bool ends_within(const UniqueFd& child, process::Clock::duration limit) {
  pollfd entry{child.get(), POLLIN, 0};
  char byte = 0;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return ::poll(&entry, 1, static_cast<int>(milliseconds)) == 1 && ::read(child.get(), &byte, 1) == 0;
}

TEST_F(WorkerParent, AnswersPing) {
  start();
  const auto pong = ping(path(), within(5s));
  ASSERT_TRUE(pong.has_value()) << pong.error().message;
  EXPECT_EQ(pong->engine, "noop");
  EXPECT_EQ(pong->models, (std::vector<std::string>{"a", "b"}));
}

TEST_F(WorkerParent, EachRequestHasAProcessOfItsOwn) {
  start();
  const UniqueFd connection = connect();
  const Answer first = start_child(connection, 1), second = start_child(connection, 2);
  const std::string first_pid = ask(first.fd, "pid"), second_pid = ask(second.fd, "pid");
  EXPECT_NE(first_pid, second_pid);
  EXPECT_NE(first_pid, std::to_string(pid_));
  EXPECT_EQ(ask(first.fd, "parent"), std::to_string(pid_));
  EXPECT_NE(first.message.child, second.message.child);
}

TEST_F(WorkerParent, AChildHoldsItsOwnEndsAndNothingElse) {
  start();
  const UniqueFd connection = connect();
  const Answer other = start_child(connection, 1);
  const Answer child = start_child(connection, 2);
  const std::string open = ask(child.fd, "descriptors");
  EXPECT_TRUE(open.starts_with("0 1 2 ")) << open;
  EXPECT_EQ(std::count(open.begin(), open.end(), ' '), 6) << open;
}

TEST_F(WorkerParent, AChildReachesTheBrokerOverItsOwnPair) {
  start();
  const UniqueFd connection = connect();
  const Answer child = start_child(connection);
  EXPECT_EQ(ask(child.fd, "broker"), "secret");
}

TEST_F(WorkerParent, SaysHowAChildEnded) {
  start();
  const UniqueFd connection = connect();
  const Answer child = start_child(connection);
  ASSERT_TRUE(process::send_message(child.fd.get(), as_bytes("exit 10"), within(1s)).has_value());
  const Answer ended = next(connection);
  EXPECT_EQ(ended.message,
            (ControlMessage{.type = ControlType::kEnded, .child = child.message.child, .code = kExitNotDecrypted}));
  const Answer crashing = start_child(connection);
  ASSERT_TRUE(process::send_message(crashing.fd.get(), as_bytes("crash"), within(1s)).has_value());
  const Answer crashed = next(connection);
  EXPECT_EQ(crashed.message.child, crashing.message.child);
  EXPECT_EQ(crashed.message.ending, Ending::kCrashed);
  EXPECT_EQ(crashed.message.code, SIGSEGV);
  EXPECT_EQ(ask(start_child(connection).fd, "broker"), "secret") << "it keeps serving";
}

TEST_F(WorkerParent, IsBusyOverTheBound) {
  start({.children = {.max_running = 2}, .queue_length = 0});
  const UniqueFd connection = connect();
  Answer first = start_child(connection, 1);
  const Answer second = start_child(connection, 2);
  tell(connection, {.type = ControlType::kStart, .tag = 3});
  const Answer busy = next(connection);
  EXPECT_EQ(busy.message, (ControlMessage{.type = ControlType::kBusy, .tag = 3}));
  EXPECT_FALSE(busy.fd);
  first.fd.reset();
  EXPECT_EQ(next(connection).message.type, ControlType::kEnded);
  start_child(connection, 4);
}

TEST_F(WorkerParent, OverTheBoundAQueueIsBoundedTwice) {
  start({.children = {.pool = 1, .max_running = 1}, .queue_length = 2, .queue_limit = 2s});
  const UniqueFd connection = connect(), other = connect();
  Answer first = start_child(connection, 1);
  for (const uint32_t tag : {2U, 3U, 4U}) tell(connection, {.type = ControlType::kStart, .tag = tag});
  EXPECT_EQ(next(connection).message, (ControlMessage{.type = ControlType::kBusy, .tag = 4})) << "in number";
  first.fd.reset();
  EXPECT_EQ(next(connection).message.type, ControlType::kEnded);
  const Answer second = next(connection);
  EXPECT_EQ(second.message.type, ControlType::kStarted);
  EXPECT_EQ(second.message.tag, 2U) << "in the order of asking";
  const auto before = process::Clock::now();
  EXPECT_EQ(next(connection).message, (ControlMessage{.type = ControlType::kBusy, .tag = 3})) << "in time";
  EXPECT_LT(process::Clock::now() - before, 4s);
}

TEST_F(WorkerParent, WhoLeavesTheQueueIsNotServed) {
  start({.children = {.max_running = 1}});
  const UniqueFd connection = connect();
  Answer first = start_child(connection, 1);
  UniqueFd leaving = connect();
  tell(leaving, {.type = ControlType::kStart, .tag = 5});
  ::usleep(20'000);
  leaving.reset();
  tell(connection, {.type = ControlType::kStart, .tag = 6});
  first.fd.reset();
  EXPECT_EQ(next(connection).message.type, ControlType::kEnded);
  EXPECT_EQ(next(connection).message.type, ControlType::kStarted);
}

std::vector<std::string> waiting_children(pid_t parent) {
  std::ifstream file("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  std::vector<std::string> out;
  for (std::string child; file >> child;) out.push_back(child);
  return out;
}

template <typename Condition>
bool comes_true(Condition condition) {
  const auto limit = within(5s);
  while (!condition() && process::Clock::now() < limit) ::usleep(1000);
  return condition();
}

TEST_F(WorkerParent, ChildrenAreMadeAheadOfTheirRequests) {
  start({.children = {.pool = 3}});
  ASSERT_TRUE(comes_true([&] { return waiting_children(pid_).size() == 3; }));
  const auto waiting = waiting_children(pid_);
  const UniqueFd connection = connect();
  const Answer child = start_child(connection);
  EXPECT_EQ(ask(child.fd, "pid"), waiting[0]) << "the one that waited longest";
  EXPECT_TRUE(comes_true([&] { return waiting_children(pid_).size() == 4; })) << "its place is filled again";
}

TEST_F(WorkerParent, APoolOfNoneMakesEachChildWhenItIsNeeded) {
  start({.children = {.pool = 0}});
  const UniqueFd connection = connect();
  EXPECT_TRUE(waiting_children(pid_).empty());
  EXPECT_EQ(ask(start_child(connection).fd, "broker"), "secret");
}

TEST_F(WorkerParent, AChildThatDiesWhileItWaitsIsReplacedAndHarmsNobody) {
  start({.children = {.pool = 2}});
  ASSERT_TRUE(comes_true([&] { return waiting_children(pid_).size() == 2; }));
  for (const std::string& pid : waiting_children(pid_)) ::kill(std::stoi(pid), SIGKILL);
  const UniqueFd connection = connect();
  EXPECT_TRUE(comes_true([&] { return waiting_children(pid_).empty(); }));
  const Answer child = start_child(connection);
  EXPECT_EQ(ask(child.fd, "broker"), "secret") << "one is made for it";
  EXPECT_TRUE(comes_true([&] { return waiting_children(pid_).size() == 3; })) << "and the two that are missing";
}

TEST_F(WorkerParent, SiblingsHaveStackCanariesOfTheirOwn) {
#ifndef __x86_64__
  GTEST_SKIP() << "skipped: only done on x86-64";
#endif
  start({.children = {.pool = 3}});
  const UniqueFd connection = connect();
  std::vector<Answer> children;
  std::set<std::string> canaries;
  for (uint32_t tag = 1; tag <= 8; ++tag) {
    children.push_back(start_child(connection, tag));
    canaries.insert(ask(children.back().fd, "canary"));
  }
  EXPECT_EQ(canaries.size(), 8U);
}

std::string metrics_of(const UniqueFd& connection) {
  tell(connection, {.type = ControlType::kMetrics, .tag = 9});
  const Answer answer = next(connection);
  EXPECT_EQ(answer.message.type, ControlType::kMetricsText);
  EXPECT_EQ(answer.message.tag, 9U);
  return answer.message.text;
}

TEST_F(WorkerParent, CountsWhatItsChildrenReportAndHowTheyEnd) {
  start({.children = {.pool = 2, .max_running = 2}, .queue_length = 0});
  const UniqueFd connection = connect();
  const Answer honest = start_child(connection, 1), lying = start_child(connection, 2);
  tell(connection, {.type = ControlType::kStart, .tag = 3});
  EXPECT_EQ(next(connection).message.type, ControlType::kBusy);
  EXPECT_EQ(ask(honest.fd, "report"), "");
  EXPECT_EQ(ask(lying.fd, "lie"), "");
  const std::string before = metrics_of(connection);
  EXPECT_NE(before.find("openpcc_worker_children{state=\"running\"} 2"), std::string::npos) << before;
  for (const Answer* child : {&honest, &lying}) {
    ASSERT_TRUE(process::send_message(child->fd.get(), as_bytes("exit 0"), within(1s)).has_value());
    EXPECT_EQ(next(connection).message.type, ControlType::kEnded);
  }
  const std::string after = metrics_of(connection);
  for (const char* line :
       {"openpcc_worker_requests_total{outcome=\"answered\"} 2", "openpcc_worker_requests_total{outcome=\"busy\"} 1",
        "openpcc_worker_tokens_total{direction=\"input\"} 7", "openpcc_worker_tpm_seconds_count 1",
        "openpcc_worker_tpm_seconds_sum 0.002", "openpcc_worker_children{state=\"running\"} 0"}) {
    EXPECT_NE(after.find(line), std::string::npos) << line << "\n" << after;
  }
  EXPECT_EQ(after.find("very long text"), std::string::npos);
}

TEST_F(WorkerParent, IsReadyOnceItHasTheBroker) {
  start({}, false);
  EXPECT_FALSE(ping(path(), within(5s))->ready);
  start_broker();
  EXPECT_TRUE(comes_true([&] { return ping(path(), within(5s))->ready; }));
}

TEST(FreshChild, TextOfAnotherShapeIsRefused) {
  for (const char* text : {"", "3", "3,4,5,6", "3,4,5,6,7,8", "3,4,5,6,", "3,4,5,6,7 ", "a,4,5,6,7", "-3,4,5,6,7",
                           "0,4,5,6,7", "3,2,5,6,7", "99999999999,4,5,6,7"}) {
    EXPECT_FALSE(parse_fresh_child(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_fresh_child("900,901,902,1,59200").has_value()) << "descriptors that are not open";
}

TEST_F(WorkerParent, WaitingChildrenEndAtOnceWhenItStops) {
  start({.children = {.pool = 3}});
  ASSERT_TRUE(comes_true([&] { return waiting_children(pid_).size() == 3; }));
  const auto waiting = waiting_children(pid_);
  EXPECT_EQ(stop(SIGTERM), 0);
  for (const std::string& pid : waiting) EXPECT_NE(::kill(std::stoi(pid), 0), 0);
}

TEST_F(WorkerParent, StopKillsWithin100Milliseconds) {
  start();
  const UniqueFd connection = connect(), stranger = connect();
  const Answer child = start_child(connection);
  tell(stranger, {.type = ControlType::kStop, .child = child.message.child});
  EXPECT_FALSE(ends_within(child.fd, 100ms)) << "another connection's child is not for it to stop";
  tell(connection, {.type = ControlType::kStop, .child = child.message.child});
  EXPECT_TRUE(ends_within(child.fd, 100ms));
  const Answer ended = next(connection);
  EXPECT_EQ(ended.message.type, ControlType::kEnded);
  EXPECT_EQ(ended.message.code, SIGKILL);
  tell(connection, {.type = ControlType::kStop, .child = child.message.child});
  tell(connection, {.type = ControlType::kPing, .tag = 8});
  EXPECT_EQ(next(connection).message.type, ControlType::kPong) << "stopping it twice is no error";
}

TEST_F(WorkerParent, ChildrenEndWithTheirConnection) {
  start();
  UniqueFd connection = connect();
  const Answer child = start_child(connection);
  connection.reset();
  EXPECT_TRUE(ends_within(child.fd, 100ms));
}

TEST_F(WorkerParent, ChildrenEndWithTheParent) {
  start();
  const UniqueFd connection = connect();
  const Answer child = start_child(connection);
  stop(SIGKILL);
  EXPECT_TRUE(ends_within(child.fd, 1s));
}

TEST_F(WorkerParent, TheTimeLimitHolds) {
  start({.children = {.time_limit = 100ms}});
  const UniqueFd connection = connect();
  const Answer child = start_child(connection);
  EXPECT_FALSE(ends_within(child.fd, 50ms));
  EXPECT_TRUE(ends_within(child.fd, 500ms));
  const Answer ended = next(connection);
  EXPECT_EQ(ended.message.ending, Ending::kOvertime);
}

TEST_F(WorkerParent, BrokenControlMessagesCloseTheirConnectionAlone) {
  start();
  const UniqueFd good = connect();
  const Bytes pong = encode(ControlMessage{.type = ControlType::kPong, .tag = 1});
  for (const Bytes& bytes : {text("?"), Bytes{}, Bytes(65, 1), pong, Bytes(5000, 0xff)}) {
    const UniqueFd bad = connect();
    ASSERT_TRUE(process::send_message(bad.get(), bytes, within(1s)).has_value());
    EXPECT_TRUE(ends_within(bad, 1s) || errno == ECONNRESET);
  }
  tell(good, {.type = ControlType::kPing, .tag = 8});
  EXPECT_EQ(next(good).message.tag, 8U);
}

TEST_F(WorkerParent, AMessageInPiecesIsWaitedForWithoutBlocking) {
  start();
  const UniqueFd slow = connect(), quick = connect();
  Bytes wire = {0, 0, 0, 5};
  append(wire, encode(ControlMessage{.type = ControlType::kPing, .tag = 77}));
  for (const uint8_t byte : wire) {
    ASSERT_TRUE(process::send_all(slow.get(), {&byte, 1}, within(1s)).has_value());
    tell(quick, {.type = ControlType::kPing, .tag = 1});
    EXPECT_EQ(next(quick).message.tag, 1U);
  }
  EXPECT_EQ(next(slow).message.tag, 77U);
}

TEST_F(WorkerParent, SigtermWaitsForRunningChildren) {
  start();
  const UniqueFd connection = connect();
  const Answer child = start_child(connection);
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(ask(child.fd, "broker"), "secret");
  // The signal has been obeyed once nobody listens any more; until then a start may still succeed.
  const auto limit = within(5s);
  while (process::connect_unix(path(), within(0ms)).has_value() && process::Clock::now() < limit) ::usleep(1000);
  EXPECT_FALSE(process::connect_unix(path(), within(50ms)).has_value());
  tell(connection, {.type = ControlType::kStart, .tag = 3});
  EXPECT_EQ(next(connection).message.type, ControlType::kBusy);
  ASSERT_TRUE(process::send_message(child.fd.get(), as_bytes("exit 0"), within(1s)).has_value());
  int status = -1;
  ASSERT_EQ(::waitpid(pid_, &status, 0), pid_);
  EXPECT_EQ(status, 0);
  pid_ = 0;
}

TEST_F(WorkerParent, SigtermDoesNotWaitForever) {
  start({.drain_limit = 100ms});
  const UniqueFd connection = connect();
  const Answer child = start_child(connection);
  EXPECT_EQ(stop(SIGTERM), 0);
  EXPECT_TRUE(ends_within(child.fd, 100ms));
}

TEST_F(WorkerParent, WithoutABrokerRequestsFailUntilThereIsOne) {
  start({}, false);
  const UniqueFd connection = connect();
  for (const uint32_t tag : {1U, 2U, 3U}) {
    tell(connection, {.type = ControlType::kStart, .tag = tag});
    const Answer failed = next(connection);
    EXPECT_EQ(failed.message, (ControlMessage{.type = ControlType::kFailed, .tag = tag}));
    EXPECT_FALSE(failed.fd);
  }
  start_broker();
  EXPECT_EQ(ask(start_child(connection).fd, "broker"), "secret");
}

TEST_F(WorkerParent, ChildrenEndWithTheBroker) {
  start();
  const UniqueFd connection = connect();
  const Answer child = start_child(connection);
  EXPECT_EQ(ask(child.fd, "broker"), "secret");
  broker_.reset();
  EXPECT_TRUE(ends_within(child.fd, 100ms)) << "it could take the parent's place at the next broker";
  EXPECT_EQ(next(connection).message.type, ControlType::kEnded);
  tell(connection, {.type = ControlType::kStart, .tag = 3});
  EXPECT_EQ(next(connection).message.type, ControlType::kFailed);
  start_broker();
  EXPECT_EQ(ask(start_child(connection).fd, "broker"), "secret");
}

TEST_F(WorkerParent, OtherUsersAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: being another user needs root";
  start();
  // Root may: the parent takes the socket's owner and root. Another user is let through the file permissions here.
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path().c_str(), 0666), 0);
  EXPECT_EQ(process::run_in_child([&] {
              if (!process::become({61234, 61234, "x"})) return 1;
              const auto pong = ping(path(), within(2s));
              return !pong && pong.error().code == process::kPeerClosed ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace openpcc::worker
