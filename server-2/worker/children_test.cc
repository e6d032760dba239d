// Children before they are at work: the pool, the queue for it, and the numbers of both.
#include <fcntl.h>

#include <fstream>
#include <set>

#include "worker/parent_testing.h"
#include "worker/ping.h"

namespace openpcc::worker {
namespace {

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

std::string ask(const Answer& child, std::string_view order) {
  EXPECT_TRUE(process::send_message(child.fd.get(), as_bytes(order), within(1s)).has_value());
  const auto answer = process::receive_message(child.fd.get(), 100, within(5s));
  return answer ? std::string(as_text(answer->body)) : answer.error().message;
}

TEST_F(WorkerParent, SharesTheThreadsOutAmongTheChildrenAtWork) {
  threads_ = 5;
  start({.children = {.pool = 2, .max_running = 8}});
  const UniqueFd connection = connect();
  std::vector<Answer> children;
  children.push_back(start_child(connection, 1));
  EXPECT_EQ(ask(children[0], "threads"), "5");
  children.push_back(start_child(connection, 2));
  EXPECT_EQ(ask(children[0], "threads"), "3");
  EXPECT_EQ(ask(children[1], "threads"), "2");
  for (uint32_t tag = 3; tag <= 7; ++tag) children.push_back(start_child(connection, tag));
  for (const Answer& child : children) EXPECT_EQ(ask(child, "threads"), "1") << "each has one at least";
  while (children.size() > 2) {
    children.erase(children.begin());
    EXPECT_EQ(next(connection).message.type, ControlType::kEnded);
  }
  EXPECT_EQ(ask(children[0], "threads"), "3");
  children.erase(children.begin());
  EXPECT_EQ(next(connection).message.type, ControlType::kEnded);
  EXPECT_EQ(ask(children[0], "threads"), "5");
}

TEST_F(WorkerParent, IsReadyOnceItHasTheBroker) {
  start({}, false);
  EXPECT_FALSE(ping(path(), within(5s))->ready);
  start_broker();
  EXPECT_TRUE(comes_true([&] { return ping(path(), within(5s))->ready; }));
}

TEST(FreshChild, TextOfAnotherShapeIsRefused) {
  for (const char* text :
       {"", "3", "3,4,5,6,7", "3,4,5,6,7,0", "3,4,5,6,7,0,0,0", "3,4,5,6,7,0,", "3,4,5,6,7,0,0 ", "a,4,5,6,7,0,0",
        "-3,4,5,6,7,0,0", "0,4,5,6,7,0,0", "3,2,5,6,7,0,0", "3,4,5,6,7,1,0", "99999999999,4,5,6,7,0,0"}) {
    EXPECT_FALSE(parse_fresh_child(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_fresh_child("900,901,902,1,59200,0,0").has_value()) << "descriptors that are not open";
}

TEST(ServeInSandbox, KeepsItsThreeEndsAndWhatPrepareOpensAndNothingElse) {
  auto sandbox =
      sandbox::Sandbox::create({.without = {std::begin(sandbox::kAllLayers), std::end(sandbox::kAllLayers)}});
  ASSERT_TRUE(sandbox.has_value());
  const pid_t parent = ::getpid();
  EXPECT_EQ(process::run_in_child([&] {
              // What an engine or a library that was loaded has left behind.
              const UniqueFd left_behind(::open("/dev/null", O_RDONLY));
              auto router = process::socket_pair(), broker = process::socket_pair();
              auto report = report_pipe();
              const std::set<int> ends = {router->second.get(), broker->second.get(), report->second.get()};
              int prepared = -1;
              const auto prepare = [&]() -> Status {
                prepared = ::open("/dev/zero", O_RDONLY);
                return {};
              };
              serve_in_sandbox(*sandbox, 0, parent,
                               {std::move(router->second), std::move(broker->second), std::move(report->second)},
                               prepare, [&](ChildEnds) {
                                 std::set<int> wanted = ends;
                                 wanted.insert({0, 1, 2, prepared});
                                 const auto open = process::open_descriptors();
                                 return open && std::set<int>(open->begin(), open->end()) == wanted ? 77 : 1;
                               });
              return 2;
            }),
            77);
}

TEST_F(WorkerParent, WaitingChildrenEndAtOnceWhenItStops) {
  start({.children = {.pool = 3}});
  ASSERT_TRUE(comes_true([&] { return waiting_children(pid_).size() == 3; }));
  const auto waiting = waiting_children(pid_);
  EXPECT_EQ(stop(SIGTERM), 0);
  for (const std::string& pid : waiting) EXPECT_NE(::kill(std::stoi(pid), 0), 0);
}

}  // namespace
}  // namespace openpcc::worker
