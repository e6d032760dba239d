// The control protocol, and what becomes of children at work.
#include <sys/stat.h>

#include "process/user.h"
#include "worker/parent_testing.h"
#include "worker/ping.h"

namespace openpcc::worker {
namespace {

Bytes text(std::string_view value) {
  return to_bytes(as_bytes(value));
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

TEST_F(WorkerParent, APeerThatDoesNotReadKeepsItsChildrenAndHoldsUpNobody) {
  start();
  const UniqueFd deaf = connect(), other = connect();
  const Answer child = start_child(deaf);
  ASSERT_TRUE(process::set_nonblocking(deaf.get(), true));
  process::OutgoingMessages questions;
  constexpr uint32_t kMany = 5000;  // far more than the two ends of a connection hold
  for (uint32_t tag = 0; tag < kMany; ++tag) questions.push(encode({.type = ControlType::kPing, .tag = tag}));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(questions.flush(deaf.get()));
    std::this_thread::sleep_for(2ms);
  }
  EXPECT_FALSE(questions.empty()) << "it is not asked for more than it takes answers to";
  const auto asked = process::Clock::now();
  EXPECT_EQ(ask(start_child(other).fd, "parent"), std::to_string(pid_));
  EXPECT_LT(process::Clock::now() - asked, 1s);
  for (uint32_t tag = 0; tag < kMany; ++tag) {
    ASSERT_TRUE(questions.flush(deaf.get()));
    ASSERT_EQ(next(deaf).message.tag, tag);
  }
  EXPECT_EQ(ask(child.fd, "parent"), std::to_string(pid_));
}

TEST_F(WorkerParent, AStartThatWaitsCanBeCancelled) {
  start({.children = {.max_running = 1}, .queue_length = 1});
  const UniqueFd connection = connect(), stranger = connect();
  Answer child = start_child(connection, 1);
  tell(connection, {.type = ControlType::kStart, .tag = 2});
  tell(connection, {.type = ControlType::kPing, .tag = 3});
  EXPECT_FALSE(next(connection).message.room) << "the queue is full";
  tell(stranger, {.type = ControlType::kCancel, .tag = 2});
  tell(stranger, {.type = ControlType::kPing, .tag = 4});
  EXPECT_FALSE(next(stranger).message.room) << "it is not the stranger's to cancel";
  tell(connection, {.type = ControlType::kCancel, .tag = 2});
  tell(connection, {.type = ControlType::kCancel, .tag = 77});
  tell(connection, {.type = ControlType::kPing, .tag = 5});
  const Answer pong = next(connection);
  EXPECT_EQ(pong.message.tag, 5U);
  EXPECT_TRUE(pong.message.room);
  tell(connection, {.type = ControlType::kStart, .tag = 6});
  child.fd.reset();
  Answer ended = next(connection);
  EXPECT_EQ(ended.message.type, ControlType::kEnded);
  const Answer started = next(connection);
  EXPECT_EQ(started.message.type, ControlType::kStarted);
  EXPECT_EQ(started.message.tag, 6U) << "and no child for the one that was cancelled";
}

TEST_F(WorkerParent, ADescriptorFromRouterComEndsItsConnection) {
  start();
  const UniqueFd connection = connect();
  ASSERT_TRUE(process::send_message(connection.get(), encode({.type = ControlType::kPing}), within(1s), STDIN_FILENO));
  const auto answer = process::receive_message(connection.get(), kMaxControlMessage, within(5s));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, process::kPeerClosed);
  EXPECT_TRUE(ping(path(), within(5s)));
}

}  // namespace
}  // namespace openpcc::worker
