#include "router_com/agent.h"

#include <gtest/gtest.h>

#include <future>

#include "net/server.h"

namespace openpcc::router_com {
namespace {

using namespace std::chrono_literals;

// A router that keeps the events it gets, and refuses the first so many.
class StubRouter : public net::Handler {
 public:
  net::Task<void> handle(net::Exchange& exchange) override {
    auto body = co_await exchange.read_all(1 << 20);
    if (!body) co_return;
    const bool proper = exchange.request().target == "/base/node-events" &&
                        net::field_or_empty(exchange.request().fields, "Content-Type") == "application/octet-stream";
    auto event = wire::decode_node_event(*body);
    const bool refused = refusals > 0;
    if (refused) --refusals;
    if (proper && event) events.push_back(std::move(*event));
    const net::Reply reply = answer(refused);
    (void)co_await exchange.respond(reply);
  }
  static net::Reply answer(bool refused) { return refused ? net::text_error(500, "no") : net::Reply{}; }
  static inline std::vector<wire::NodeEvent> events;
  static inline int refusals = 0;
};

class AgentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    StubRouter::events.clear();
    StubRouter::refusals = 0;
    net::ServerOptions options;
    options.address = "127.0.0.1";
    server_ = net::Server::listen(loops_, options, [](net::Loop&) { return std::make_unique<StubRouter>(); }).value();
    config_.tags = {"llm", "model=m"};
    config_.target_url = net::parse_url("http://10.0.0.5:8081/").value();
    config_.healthcheck_url = net::parse_url("http://10.0.0.5:8081/_health").value();
    config_.router_base_url = net::parse_url("http://127.0.0.1:" + std::to_string(server_->port()) + "/base").value();
    config_.heartbeat_interval = 100ms;
  }
  // Everything runs on one loop, in this thread.
  void run_for(net::Clock::duration time) { loops_[0].io.run_for(time); }
  void start() {
    agent_ = Agent::create(loops_[0], config_, {{wire::EvidenceType::kTpmQuote, {1}, {2}}}, [] {
               return std::chrono::system_clock::time_point(1'700'000'000s + 5ms);
             }).value();
    net::asio::co_spawn(loops_[0].io.get_executor(), agent_->run(), net::asio::detached);
  }

  net::Loops loops_{1};
  AgentConfig config_;
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<net::Server> server_;
};

TEST_F(AgentTest, HeartbeatsComeAtOnceAndEveryInterval) {
  start();
  run_for(60ms);
  ASSERT_EQ(StubRouter::events.size(), 1U);
  const wire::NodeEvent& first = StubRouter::events[0];
  EXPECT_EQ(first.node_id, agent_->node_id());
  EXPECT_EQ(first.event_index, 0);
  EXPECT_EQ(first.timestamp, (wire::Timestamp{1'700'000'000, 5'000'000}));
  const auto& info = std::get<wire::RoutingInfo>(first.payload);
  EXPECT_EQ(info.url, "http://10.0.0.5:8081/");
  EXPECT_EQ(info.healthcheck_url, "http://10.0.0.5:8081/_health");
  EXPECT_EQ(info.tags.all(), (std::set<std::string, std::less<>>{"llm", "model=m"}));
  EXPECT_EQ(info.evidence->size(), 1U);
  run_for(400ms);
  ASSERT_GE(StubRouter::events.size(), 3U);
  EXPECT_EQ(StubRouter::events[2].event_index, 2);
}

TEST_F(AgentTest, ARefusedHeartbeatIsTriedAgain) {
  StubRouter::refusals = 2;
  start();
  run_for(600ms);
  ASSERT_GE(StubRouter::events.size(), 3U);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(StubRouter::events[i].event_index, static_cast<int64_t>(i));
}

TEST_F(AgentTest, ARouterThatIsNotThereIsNoEnd) {
  config_.router_base_url = net::parse_url("http://127.0.0.1:1").value();
  start();
  run_for(300ms);
  EXPECT_TRUE(StubRouter::events.empty());
}

TEST_F(AgentTest, SaysGoodbyeOnce) {
  start();
  run_for(60ms);
  for (int i = 0; i < 2; ++i) {
    net::asio::co_spawn(loops_[0].io.get_executor(), agent_->stop(), net::asio::detached);
  }
  run_for(400ms);
  ASSERT_EQ(StubRouter::events.size(), 2U) << "no heartbeat after it";
  EXPECT_TRUE(std::holds_alternative<wire::Shutdown>(StubRouter::events[1].payload));
  EXPECT_EQ(StubRouter::events[1].event_index, 1);
}

}  // namespace
}  // namespace openpcc::router_com
