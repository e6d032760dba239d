#include "testing.h"

namespace openpcc::router {
namespace {

using HealthChecks = RouterTest;

TEST_F(HealthChecks, MakeANodeRoutableAfterThree) {
  const StubNode node;
  start();
  add_node(1, node.url("/"), node);
  EXPECT_GE(node.health_checks, 3);
}

TEST_F(HealthChecks, EvictANodeThatFails) {
  StubNode node;
  start();
  add_node(1, node.url("/"), node);
  node.health_status = 503;
  wait([&] { return router_->registry().counts().known == 0; });
  EXPECT_EQ(router_->registry().counts().known, 0u);
  EXPECT_EQ(router_->registry().counts().routable, 0u);
  node.health_status = 204;
  add_node(1, node.url("/"), node);  // the next heartbeat brings it back
}

TEST_F(HealthChecks, NeverTakeAnUnreachableNode) {
  start();
  ASSERT_EQ(send_event(heartbeat(1, "http://127.0.0.1:1/", "http://127.0.0.1:1/_health")), 200);
  wait([&] { return router_->registry().counts().known == 0; });
  EXPECT_EQ(router_->registry().counts().known, 0u) << "three failures evict it";
}

TEST_F(HealthChecks, FollowRedirects) {
  const StubNode node;
  start();
  ASSERT_EQ(send_event(heartbeat(1, node.url("/"), node.url("/moved"))), 200);
  wait([&] { return router_->registry().counts().routable == 1; });
  EXPECT_EQ(router_->registry().counts().routable, 1u);
}

TEST_F(HealthChecks, TimeOutAndTryAgain) {
  std::atomic<int> asked = 0;
  net::RawServer silent([&](net::RawPeer& peer) {
    peer.read_until("\r\n\r\n");
    ++asked;
    (void)peer.read_to_end();
  });
  Settings settings = quick_settings();
  settings.healthchecker.request_timeout = 50ms;
  settings.healthchecker.retries = 2;
  settings.registry.grader.min_checks = 1;
  start(settings);
  ASSERT_EQ(send_event(heartbeat(1, silent.url(), silent.url())), 200);
  wait([&] { return router_->registry().counts().known == 0; });
  EXPECT_EQ(router_->registry().counts().known, 0u);
  EXPECT_EQ(asked, 2) << "the attempts of one check";
}

TEST_F(HealthChecks, AShutdownTakesTheNodeAwayAtOnce) {
  const StubNode node;
  start();
  add_node(1, node.url("/"), node);
  auto event = heartbeat(1, "http://x/", "http://x/");
  event.event_index = 1;
  event.payload = wire::Shutdown{};
  EXPECT_EQ(send_event(event), 200);
  EXPECT_EQ(router_->registry().counts().known, 0u);
}

}  // namespace
}  // namespace openpcc::router
