// The SDK over real HTTP, and from several threads.
#include <gtest/gtest.h>

#include <thread>

#include "engine.h"
#include "stub_client.h"
#include "stub_server.h"

namespace openpcc::sdk {
namespace {

Client client_of(const StubServer& server) {
  auto options = StubClient::default_options();
  options.router_url = server.url();
  auto client = Client::create(options);
  if (!client) std::abort();
  return std::move(*client);
}

TEST(Transport, AsksAndAnswersOverHttp) {
  StubRouter router;
  router.trailers = {{"X-Refund", "UmVmdW5k"}};
  const StubServer server(router);
  const Client client = client_of(server);
  for (int i = 0; i < 3; ++i) {
    RecordedEvents events;
    const auto summary = client.send(StubClient::prompt(), events);
    ASSERT_TRUE(summary) << summary.error().message;
    EXPECT_NE(events.body.find("[DONE]"), std::string::npos);
    EXPECT_EQ(summary->refund, "UmVmdW5k");
  }
  EXPECT_TRUE(client.ping());
}

TEST(Transport, ADroppedConnectionIsACutAnswer) {
  StubRouter router;
  const StubServer server(router);
  const Client client = client_of(server);
  for (const size_t after : {0U, 1U, 20U, 500U, 1000000U}) {
    router.alter = [after](StubReply& reply) { reply.cut_after = after; };
    RecordedEvents events;
    const auto summary = client.send(StubClient::prompt(), events);
    ASSERT_FALSE(summary) << after;
    EXPECT_EQ(summary.error().kind, Failure::kBroken) << after << summary.error().message;
    EXPECT_EQ(summary.error().code, "client.answer_cut") << after;
  }
  router.alter = {};
  RecordedEvents events;
  EXPECT_TRUE(client.send(StubClient::prompt(), events));
}

TEST(Transport, AnotherThreadCanCancelAStreamingAnswer) {
  StubRouter router;
  router.answer.pieces.assign(400, std::string(100, 'x'));
  StubServer server(router);
  const CancelToken token;
  server.before_piece = [&](size_t number) {
    if (number == 3) token.cancel();
    if (number > 3) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  const Client client = client_of(server);
  RecordedEvents events;
  const auto started = std::chrono::steady_clock::now();
  const auto summary = client.send(StubClient::prompt(), events, token);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().kind, Failure::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(2));
}

TEST(Transport, ATimeLimitHoldsForTheWholeRequest) {
  StubRouter router;
  router.answer.pieces.assign(400, std::string(100, 'x'));
  StubServer server(router);
  server.before_piece = [](size_t) { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  auto options = StubClient::default_options();
  options.router_url = server.url();
  options.timeouts.total = std::chrono::milliseconds(200);
  const auto client = Client::create(options);
  ASSERT_TRUE(client);
  RecordedEvents events;
  const auto summary = client->send(StubClient::prompt(), events);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().kind, Failure::kBroken);  // part of it had come
}

TEST(Transport, OneClientServesSeveralThreads) {
  StubRouter router;
  const StubServer server(router);
  const Client client = client_of(server);
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 5; ++j) {
        RecordedEvents events;
        if (client.send(StubClient::prompt(), events)) ++answered;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered, 40);
}

}  // namespace
}  // namespace openpcc::sdk
