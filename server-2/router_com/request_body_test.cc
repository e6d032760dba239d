// Requests that come slowly, or leave before they are served, and what they may hold meanwhile.
#include "router_com/node_handler_testing.h"

namespace openpcc::router_com {
namespace {

TEST_F(NodeHandlerTest, ASlowRequestHoldsNoWorker) {
  start();
  net::RawPeer slow = connect();
  slow.send(announced(40'000) + std::string(39'999, 'x'));
  ASSERT_TRUE(soon([&] { return worker_->pings == 1; })) << "it asks for room";
  EXPECT_TRUE(talk(post("quick")).starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(worker_->started, 1) << "for the other one";
  slow.send("x");
  const std::string answer = slow.read_to_end();
  EXPECT_EQ(std::count(answer.begin(), answer.end(), 'x'), 40'000) << answer.substr(0, 200);
  EXPECT_EQ(worker_->started, 2);
}

TEST_F(NodeHandlerTest, SlowRequestsAreCountedAndKeepNobodyOutWhoIsHere) {
  start();
  std::vector<net::RawPeer> slow;
  for (size_t i = 0; i < Uploads::kMost; ++i) {
    slow.push_back(connect());
    slow.back().send(announced(100));
  }
  std::string answer;
  ASSERT_TRUE(soon([&] {
    net::RawPeer late = connect();
    late.send(announced(100));
    if (!late.readable_within(20)) return false;
    answer = late.read_to_end();
    return true;
  }));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(has(answer, "Retry-After: 1\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with(error_body("too many requests are being received"))) << answer;
  EXPECT_TRUE(talk(post("all here")).starts_with("HTTP/1.1 200 "));
  slow.clear();
  EXPECT_TRUE(soon([&] {
    net::RawPeer peer = connect();
    peer.send(announced(4));
    if (peer.readable_within(20)) return false;
    peer.send("body");
    return peer.read_to_end().starts_with("HTTP/1.1 200 ");
  })) << "the places are free again";
}

TEST_F(NodeHandlerTest, AClientThatLeavesInMidRequestCostsNoWorker) {
  start();
  {
    net::RawPeer peer = connect();
    peer.send(announced(100) + "some of it");
    ASSERT_TRUE(soon([&] { return worker_->pings == 1; }));
  }
  EXPECT_TRUE(has(metrics(R"(outcome="client_gone"} 1)"), R"(outcome="client_gone"} 1)"));
  EXPECT_EQ(worker_->started, 0);
}

TEST_F(NodeHandlerTest, AClientThatLeavesGivesItsPlaceInTheQueueBack) {
  start();
  worker_->queues = true;
  net::RawPeer leaves = connect(), stays = connect();
  leaves.send(post("x"));
  ASSERT_TRUE(soon([&] { return worker_->queued == 1; }));
  stays.send(post("x"));
  ASSERT_TRUE(soon([&] { return worker_->queued == 2; }));
  leaves.close();
  EXPECT_TRUE(soon([&] { return worker_->cancelled == 1; }));
  EXPECT_FALSE(stays.readable_within(20));
  EXPECT_TRUE(has(metrics(R"(outcome="client_gone"} 1)"), R"(outcome="client_gone"} 1)"));
}

TEST_F(NodeHandlerTest, AnyNumberOfQuestionsForHealthIsOneQuestionToTheWorker) {
  start();
  ASSERT_TRUE(talk(get("/_health")).starts_with("HTTP/1.1 200 "));
  worker_->deaf = true;
  constexpr size_t kMany = 500;
  std::vector<net::RawPeer> peers;
  for (size_t i = 0; i < kMany; ++i) {
    peers.push_back(connect());
    peers.back().send(get("/_health"));
  }
  std::this_thread::sleep_for(200ms);  // most have come to where they wait
  const int before = worker_->pings;
  worker_->deaf = false;
  size_t healthy = 0;
  for (net::RawPeer& peer : peers) healthy += peer.read_to_end().starts_with("HTTP/1.1 200 ") ? 1 : 0;
  EXPECT_EQ(healthy, kMany);
  EXPECT_LT(worker_->pings - before, 100);
  EXPECT_EQ(worker_->connections, 1);
}

// A worker that is slow to read must not cost the requests that it serves.
TEST_F(NodeHandlerTest, ABurstOfRequestsLosesNoConnectionToTheWorker) {
  std::atomic<bool> go_on = false;
  start([&](int socket) {
    receive_request(socket);
    say(socket, header());
    while (!go_on) std::this_thread::sleep_for(1ms);
    say(socket, frame("served"));
    say(socket, footer(0));
    return 0;
  });
  net::RawPeer served = connect();
  served.send(post("x"));
  ASSERT_TRUE(has(served.read_until("\r\n\r\n"), "HTTP/1.1 200 "));
  worker_->busy = true;
  worker_->deaf = true;
  constexpr size_t kMany = 1500;  // more messages than the control connection holds
  std::vector<net::RawPeer> peers;
  for (size_t i = 0; i < kMany; ++i) {
    peers.push_back(connect());
    peers.back().send(post("y"));
  }
  std::this_thread::sleep_for(500ms);
  worker_->deaf = false;
  size_t busy = 0;
  for (net::RawPeer& peer : peers) busy += peer.read_to_end().starts_with("HTTP/1.1 503 ") ? 1 : 0;
  EXPECT_EQ(busy, kMany);
  go_on = true;
  EXPECT_TRUE(has(served.read_to_end(), "served"));
  EXPECT_EQ(worker_->connections, 1);
}

TEST_F(NodeHandlerTest, AWorkerThatStaysBehindItsAnswerIsStopped) {
  std::atomic<bool> ended = false;
  start([&](int socket) {
    receive_request(socket);
    say(socket, header());
    say(socket, footer(0));
    char byte = 0;
    while (::recv(socket, &byte, 1, 0) > 0) {
    }
    while (worker_->stopped == 0 && !worker_->stopping) std::this_thread::sleep_for(1ms);
    ended = true;
    return 0;
  });
  EXPECT_TRUE(talk(post("x")).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(soon([&] { return ended.load(); }));
  EXPECT_EQ(worker_->stopped, 1);
}

}  // namespace
}  // namespace openpcc::router_com
