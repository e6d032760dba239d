// testing.h - for the router's tests: a running router, nodes that are real HTTP servers, and messages to both.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "base/base64.h"
#include "net/blocking_client.h"
#include "net/raw_peer_for_testing.h"
#include "net/server.h"
#include "router.h"

namespace openpcc::router {

using namespace std::chrono_literals;

inline constexpr const char* kOctets = "application/octet-stream";

inline UuidV7 node_id(int number) {
  std::string text = "01890000-0000-7000-8000-000000000000";
  const std::string digits = std::to_string(number);
  text.replace(text.size() - digits.size(), digits.size(), digits);
  return UuidV7::parse(text).value();
}

// A node whose every request is answered by a function; counts its health checks.
class StubNode {
 public:
  using Answer = std::function<net::Task<void>(net::Exchange&, net::Loop&)>;

  explicit StubNode(Answer answer = {}) : answer_(std::move(answer)) {
    net::ServerOptions options;
    options.address = "127.0.0.1";
    server_ = std::move(*net::Server::listen(
        loops_, options, [this](net::Loop& loop) { return std::make_unique<Handler>(*this, loop); }));
    loops_.start();
  }
  ~StubNode() {
    server_->stop(0ms);
    loops_.stop();
  }
  StubNode(const StubNode&) = delete;
  StubNode& operator=(const StubNode&) = delete;

  [[nodiscard]] std::string url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + std::string(path);
  }
  std::atomic<int> health_status = 200;
  std::atomic<int> health_checks = 0;

 private:
  class Handler final : public net::Handler {
   public:
    Handler(StubNode& node, net::Loop& loop) : node_(node), loop_(loop) {}
    net::Task<void> handle(net::Exchange& exchange) override {
      if (exchange.request().target == "/_health") {
        ++node_.health_checks;
        const net::Reply reply{node_.health_status, "application/json", R"({"error":"as told"})"};
        (void)co_await exchange.respond(reply);
      } else if (exchange.request().target == "/moved") {
        net::Fields fields;
        fields.push_back({"Location", "/_health"});
        const net::Reply reply{302, "", ""};
        (void)co_await exchange.respond(reply, fields);
      } else if (node_.answer_) {
        co_await node_.answer_(exchange, loop_);
      }
    }

   private:
    StubNode& node_;
    net::Loop& loop_;
  };

  Answer answer_;
  net::Loops loops_{1};
  std::unique_ptr<net::Server> server_;
};

inline Settings quick_settings() {
  Settings settings;
  settings.threads = 2;
  settings.http.address = "127.0.0.1";
  settings.http.port = 0;
  settings.healthchecker.interval = 20ms;
  settings.healthchecker.retries = 1;
  return settings;
}

class RouterTest : public testing::Test {
 protected:
  void start(const Settings& settings = quick_settings()) {
    auto router = Router::start(settings);
    ASSERT_TRUE(router) << router.error().message;
    router_ = *std::move(router);
  }
  static void SetUpTestSuite() { spdlog::set_level(spdlog::level::off); }
  void TearDown() override {
    if (router_) router_->stop(2s);
  }

  [[nodiscard]] net::HttpRequest request(std::string method, std::string_view path, net::Fields fields = {},
                                         ByteView body = {}) const {
    net::HttpRequest out;
    out.method = std::move(method);
    out.url = net::parse_url("http://127.0.0.1:" + std::to_string(router_->port()) + std::string(path)).value();
    out.fields = std::move(fields);
    out.body = body;
    return out;
  }
  net::HttpResult ask(const net::HttpRequest& what) {
    auto got = client_.fetch(what, 100'000'000);
    EXPECT_TRUE(got) << got.error().message;
    return got ? *std::move(got) : net::HttpResult();
  }
  static std::string message(const net::HttpResult& result) {
    return net::error_message(net::field_or_empty(result.head.fields, "Content-Type"), result.body);
  }

  static wire::NodeEvent heartbeat(int number, const std::string& url, const std::string& health_url,
                                   const std::vector<std::string>& tags = {"llm"}) {
    wire::RoutingInfo info;
    info.url = url;
    info.healthcheck_url = health_url;
    info.tags = Tags::from(tags).value();
    info.evidence = wire::SignedEvidenceList{{wire::EvidenceType::kTpmQuote, Bytes(100, 7), {}}};
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now().time_since_epoch());
    return {node_id(number), 0, {seconds.count(), 0}, std::move(info)};
  }
  int send_event(const wire::NodeEvent& event) {
    const Bytes body = wire::encode(event).value();
    return ask(request("POST", "/node-events", {{"Content-Type", kOctets}}, body)).head.status;
  }
  // Registers a node and waits until it gets requests.
  void add_node(int number, const std::string& url, const StubNode& health,
                const std::vector<std::string>& tags = {"llm"}) {
    const size_t before = router_->registry().counts().routable;
    ASSERT_EQ(send_event(heartbeat(number, url, health.url("/_health"), tags)), 200);
    wait([&] { return router_->registry().counts().routable > before; });
    ASSERT_GT(router_->registry().counts().routable, before);
  }
  template <typename Condition>
  static void wait(Condition condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(5ms);
  }

  static std::string routing_info(std::initializer_list<int> numbers) {
    wire::ComputeRequestInfo info;
    for (const int number : numbers) {
      info.candidates.push_back({node_id(number), Bytes(120, static_cast<uint8_t>(number))});
    }
    return to_base64(wire::encode(info).value());
  }
  static std::string key_of(int number) { return to_base64(Bytes(120, static_cast<uint8_t>(number))); }
  static std::string credit(const wire::Currency& value) {
    return to_base64(wire::encode(wire::Credit{value, {3600, {}}, Bytes(16, 1)}).value());
  }

  std::unique_ptr<Router> router_;
  net::BlockingHttpClient client_;
};

}  // namespace openpcc::router
