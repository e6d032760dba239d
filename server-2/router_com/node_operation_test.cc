// What operators ask of a node: ping, health, metrics.
#include "router_com/node_handler_testing.h"

namespace openpcc::router_com {
namespace {

TEST_F(NodeHandlerTest, PingAndHealth) {
  start();
  EXPECT_TRUE(talk(get("/anything", "X-Confsec-Ping: routercom\r\n")).ends_with("\r\n\r\nroutercom"));
  const std::string health = talk(get("/_health"));
  EXPECT_TRUE(health.starts_with("HTTP/1.1 200 ")) << health;
  EXPECT_TRUE(has(health, "Content-Type: application/json\r\n"));
  EXPECT_TRUE(health.ends_with("{\"ApplicationHealthState\":\"Healthy\"}"));
}

TEST_F(NodeHandlerTest, APingIsAnsweredBeforeAllElse) {
  start();
  state_.set_rek_point({});
  constexpr std::string_view kPing = "X-Confsec-Ping: routercom\r\n";
  for (const std::string line : {"POST / HTTP/1.1\r\n", "POST /_health HTTP/1.1\r\n", "GET /_health HTTP/1.1\r\n",
                                 "DELETE /a/b?c HTTP/1.1\r\n"}) {
    const std::string answer = talk(line + "Host: x\r\nConnection: close\r\n" + std::string(kPing) + "\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << line << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nroutercom")) << line << answer;
  }
  EXPECT_TRUE(talk(get("/", "X-Confsec-Ping: gateway\r\n")).starts_with("HTTP/1.1 405 ")) << "another's ping";
  EXPECT_EQ(worker_->started, 0);
}

TEST_F(NodeHandlerTest, IsNotHealthyWithoutEvidenceOrWorker) {
  start();
  state_.set_rek_point({});
  EXPECT_TRUE(talk(get("/_health")).starts_with("HTTP/1.1 503 "));
  const std::string early = talk(post("x"));
  EXPECT_TRUE(early.starts_with("HTTP/1.1 503 ")) << early;
  state_.set_rek_point(Bytes(65, 4));
  EXPECT_TRUE(talk(get("/_health")).starts_with("HTTP/1.1 200 "));
  worker_.reset();
  EXPECT_TRUE(talk(get("/_health")).starts_with("HTTP/1.1 503 "));
  const std::string without = talk(post("x"));
  EXPECT_TRUE(without.starts_with("HTTP/1.1 500 ")) << without;
  EXPECT_TRUE(without.ends_with(error_body("internal server error"))) << without;
  worker_ = std::make_unique<StubWorker>(path(), echo);
  EXPECT_TRUE(talk(get("/_health")).starts_with("HTTP/1.1 200 ")) << "it connects again";
  EXPECT_TRUE(talk(post("x")).starts_with("HTTP/1.1 200 "));
}

TEST_F(NodeHandlerTest, LivenessAndReadinessAreApart) {
  start();
  EXPECT_TRUE(talk(get("/_health/ready")).starts_with("HTTP/1.1 200 "));
  worker_->ready = false;
  const std::string answer = talk(get("/_health/ready"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(has(answer, "TpmUnavailable")) << answer;
  EXPECT_TRUE(talk(get("/_health")).starts_with("HTTP/1.1 200 ")) << "the router keeps it";
  EXPECT_TRUE(talk(get("/_health/live")).starts_with("HTTP/1.1 200 "));
  worker_.reset();
  EXPECT_TRUE(has(talk(get("/_health/ready")), "WorkerUnavailable"));
  state_.set_rek_point({});
  EXPECT_TRUE(has(talk(get("/_health/ready")), "WaitingForEvidence"));
  EXPECT_TRUE(talk(get("/_health/live")).starts_with("HTTP/1.1 200 "));
}

TEST_F(NodeHandlerTest, MetricsCountOutcomesAndHoldNothingOfARequest) {
  start();
  const std::string secret = "canary-of-the-body";
  EXPECT_TRUE(talk(post(secret)).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(talk(post(secret, {.amount = "0"})).starts_with("HTTP/1.1 400 "));
  worker_->busy = true;
  EXPECT_TRUE(talk(post(secret)).starts_with("HTTP/1.1 503 "));
  worker_->busy = false;
  worker_->fails = true;
  EXPECT_TRUE(talk(post(secret)).starts_with("HTTP/1.1 500 "));
  const std::string text = metrics("openpcc_node_requests_total{outcome=\"failed\"} 1");
  for (const char* line :
       {"openpcc_node_requests_total{outcome=\"answered\"} 1", "openpcc_node_requests_total{outcome=\"refused\"} 1",
        "openpcc_node_requests_total{outcome=\"busy\"} 1", "openpcc_node_requests_total{outcome=\"cut\"} 0",
        "openpcc_node_first_byte_seconds_count 1", "openpcc_node_requests_running 0"}) {
    EXPECT_TRUE(has(text, line)) << line << "\n" << text;
  }
  EXPECT_FALSE(has(text, secret));
  worker_.reset();
  EXPECT_TRUE(has(metrics("requests_running 0"), "outcome=\"answered\"} 1")) << "without the worker, too";
  net::RawPeer peer = net::RawPeer::connect(metrics_server_->port());
  peer.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(peer.read_to_end().starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(talk(get("/metrics")).starts_with("HTTP/1.1 405 ")) << "not where requests come in";
}

// The stub serves one connection at a time: here it is the metrics'.
TEST_F(NodeHandlerTest, TheWorkersMetricsAreShownWithItsOwn) {
  start();
  EXPECT_TRUE(has(metrics("stub_metric 1"), "openpcc_node_requests_running 0"));
}

}  // namespace
}  // namespace openpcc::router_com
