#include "openpcc/client.h"

#include <gtest/gtest.h>

#include "openpcc/answer.h"
#include "stub_client.h"

namespace openpcc::sdk {
namespace {

std::string whole(const StubAnswer& answer) {
  std::string text;
  for (const auto& piece : answer.pieces) text += piece;
  return text;
}

TEST(Client, SendsAPromptAndOpensItsAnswer) {
  StubClient stub;
  stub.options.badge = "QmFkZ2U=";
  const Client client = stub.make();
  RecordedEvents events;
  const auto summary = client.send(StubClient::prompt(), events);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->status, 200);
  EXPECT_EQ(summary->node_id, stub.router.nodes[0].id.to_string());
  EXPECT_FALSE(summary->refund);
  EXPECT_EQ(events.body, whole(stub.router.answer));
  ASSERT_EQ(events.heads.size(), 1U);
  EXPECT_EQ(events.heads[0].status, 200);
  EXPECT_EQ(events.heads[0].node_id, summary->node_id);

  // What the node found in the sealed request: all that the official worker demands, and nothing about us.
  ASSERT_EQ(stub.router.requests.size(), 1U);
  const auto& seen = stub.router.requests[0];
  EXPECT_EQ(seen.body, StubClient::prompt().body);
  EXPECT_EQ(seen.head.method, "POST");
  EXPECT_EQ(seen.head.scheme, "http");
  EXPECT_EQ(seen.head.authority, "confsec.invalid");
  EXPECT_EQ(seen.head.path, "/v1/chat/completions");
  EXPECT_EQ(bhttp::find(seen.head.fields, "content-type"), "application/json");
  EXPECT_EQ(bhttp::find(seen.head.fields, "content-length"), std::to_string(seen.body.size()));
  EXPECT_EQ(bhttp::find(seen.head.fields, "x-confsec-badge"), "QmFkZ2U=");
  EXPECT_EQ(seen.head.fields.size(), 3U);
  // The badge names its user: the router must not see it. Without a wallet there is no credit.
  for (const auto& field : seen.fields) EXPECT_EQ(field.value.find("QmFkZ2U"), std::string::npos) << field.name;
  EXPECT_EQ(net::find_field(seen.fields, "X-Credit"), nullptr);
}

TEST(Client, EveryPartitionOfTheAnswerGivesTheSame) {
  for (const bool chunked : {true, false}) {
    for (const size_t piece : {1U, 2U, 16U, 17U, 500U, 100000U}) {
      StubClient stub;
      stub.router.answer.chunked = chunked;
      const Client client = stub.make();
      stub.transport->piece = piece;
      RecordedEvents events;
      ASSERT_TRUE(client.send(StubClient::prompt(), events)) << piece;
      EXPECT_EQ(events.body, whole(stub.router.answer)) << piece;
    }
  }
}

TEST(Client, SealsToUpToThreeNodesAndOpensWhicheverAnswers) {
  StubClient stub;
  for (uint8_t i = 2; i <= 5; ++i) {
    stub.router.nodes.push_back({StubRouter::make_id(i)});
    stub.router.nodes.back().tpm =
        i % 2 == 0 ? &verify::SoftwareTpmForTesting::other() : &verify::SoftwareTpmForTesting::instance();
  }
  const Client client = stub.make();
  for (size_t answering = 0; answering < 3; ++answering) {
    stub.router.answering = answering;
    RecordedEvents events;
    const auto summary = client.send(StubClient::prompt(), events);
    ASSERT_TRUE(summary) << summary.error().message;
    ASSERT_EQ(events.sealed.size(), 1U);
    ASSERT_EQ(events.sealed[0].candidates.size(), 3U);
    EXPECT_EQ(summary->node_id, events.sealed[0].candidates[answering]);
  }
  EXPECT_EQ(stub.router.candidate_counts, (std::vector<size_t>{3, 3, 3}));
}

TEST(Client, AnAnswerOfAnotherStatusIsAnAnswer) {
  StubClient stub;
  stub.router.answer = {400, "application/json", {R"({"code":"ErrEmptyBody","message":"empty body"})"}, true};
  const Client client = stub.make();
  RecordedEvents events;
  const auto summary = client.send(StubClient::prompt(), events);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->status, 400);
  EXPECT_EQ(events.heads[0].status, 400);
}

TEST(Client, CreditsComeFromTheWalletCommand) {
  StubClient stub;
  stub.options.wallet_command = "printf %s%s Q3I= ; :";  // prints Q3I=, whatever it is asked for
  stub.options.credit_amount = 1024;
  const Client client = stub.make();
  RecordedEvents events;
  ASSERT_TRUE(client.send(StubClient::prompt(), events));
  EXPECT_EQ(net::field_or_empty(stub.router.manifest_fields, "X-Credit"), "Q3I=");
  EXPECT_EQ(net::field_or_empty(stub.router.requests[0].fields, "X-Credit"), "Q3I=");

  for (const char* broken :
       {"exit 3; :", "printf '!' ; :", "true", "/nonexistent/wallet", "printf 'YQ==\\nYQ==' ; :"}) {
    StubClient other;
    other.options.wallet_command = broken;
    const Client poor = other.make();
    const auto summary = poor.send(StubClient::prompt(), events);
    ASSERT_FALSE(summary) << broken;
    EXPECT_EQ(summary.error().code, "client.wallet_failed") << broken;
    EXPECT_EQ(summary.error().kind, Failure::kRequest);
  }
}

TEST(Client, TheWalletIsToldWhatTheCreditIsFor) {
  StubClient stub;
  // Answers with base64 of what it is asked for.
  stub.options.wallet_command = "f() { printf %s \"$1\" | base64; }; f";
  stub.options.credit_amount = 1024;
  const Client client = stub.make();
  RecordedEvents events;
  ASSERT_TRUE(client.send(StubClient::prompt(), events));
  EXPECT_EQ(net::field_or_empty(stub.router.manifest_fields, "X-Credit"), "c3BlY2lhbA==");  // special
  EXPECT_EQ(net::field_or_empty(stub.router.requests[0].fields, "X-Credit"), "MTAyNA==");   // 1024
}

TEST(Client, ARefundCountsOnlyWithTheWholeAnswer) {
  StubClient stub;
  stub.router.trailers = {{"X-Refund", "UmVmdW5k"}};
  const Client client = stub.make();
  RecordedEvents events;
  const auto summary = client.send(StubClient::prompt(), events);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->refund, "UmVmdW5k");
  stub.router.alter = [](StubReply& reply) { reply.body.back() ^= 1; };
  EXPECT_FALSE(client.send(StubClient::prompt(), events));
}

TEST(Client, TheCallerCanCancel) {
  StubClient stub;
  const Client client = stub.make();
  RecordedEvents at_head;
  at_head.cancel_at_head = true;
  EXPECT_EQ(client.send(StubClient::prompt(), at_head).error().kind, Failure::kCancelled);
  RecordedEvents in_body;
  in_body.at_body = [] { return false; };
  EXPECT_EQ(client.send(StubClient::prompt(), in_body).error().kind, Failure::kCancelled);
  // By the token, while the answer streams.
  const CancelToken token;
  RecordedEvents streaming;
  streaming.at_body = [&] {
    token.cancel();
    return true;
  };
  stub.transport->piece = 1;
  const auto summary = client.send(StubClient::prompt(), streaming, token);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().kind, Failure::kCancelled);
  EXPECT_TRUE(token.cancelled());
  // The client is as good as before.
  RecordedEvents again;
  EXPECT_TRUE(client.send(StubClient::prompt(), again));
}

TEST(Client, RefusesWhatIsNotToBeSentBeforeAnythingIs) {
  StubClient stub;
  const Client client = stub.make();
  const auto code_of = [&](const Request& request) {
    RecordedEvents events;
    const auto summary = client.send(request, events);
    EXPECT_TRUE(!summary && summary.error().kind == Failure::kUsage);
    return summary ? std::string() : summary.error().code;
  };
  Request large = StubClient::prompt();
  large.body.assign((1 << 20) + 1, 'x');
  EXPECT_EQ(code_of(large), "client.request_too_large");
  Request pathless = StubClient::prompt();
  pathless.path = "v1/chat/completions";
  EXPECT_EQ(code_of(pathless), "client.bad_request");
  Request modelless = StubClient::prompt();
  modelless.tags = {"llm"};
  EXPECT_EQ(code_of(modelless), "client.bad_request");
  Request with_badge = StubClient::prompt();
  with_badge.headers = {{"X-Confsec-Badge", "x"}};
  EXPECT_EQ(code_of(with_badge), "client.bad_request");
  Request with_line_break = StubClient::prompt();
  with_line_break.headers = {{"x-a", "b\r\nc: d"}};
  EXPECT_EQ(code_of(with_line_break), "client.bad_request");
  EXPECT_TRUE(stub.router.candidate_counts.empty());
  // One byte less is fine.
  Request largest = StubClient::prompt();
  largest.body.assign(1 << 20, 'x');
  RecordedEvents events;
  EXPECT_TRUE(client.send(largest, events));
  EXPECT_EQ(stub.router.requests.back().body.size(), size_t{1} << 20);
}

TEST(Client, RefusesWrongOptions) {
  const auto good = StubClient::default_options();
  ASSERT_TRUE(Client::create(good));
  const std::pair<const char*, std::function<void(ClientOptions&)>> kFaults[] = {
      {"no router", [](ClientOptions& o) { o.router_url.clear(); }},
      {"no URL", [](ClientOptions& o) { o.router_url = "localhost"; }},
      {"another scheme", [](ClientOptions& o) { o.router_url = "ftp://x"; }},
      {"no candidate", [](ClientOptions& o) { o.max_candidates = 0; }},
      {"17 candidates", [](ClientOptions& o) { o.max_candidates = 17; }},
      {"no credit", [](ClientOptions& o) { o.credit_amount = 0; }},
      {"a badge that is no base64", [](ClientOptions& o) { o.badge = "bad\nge"; }},
      {"a PCR nobody quotes", [](ClientOptions& o) { o.expected_pcrs[6] = {}; }},
      {"a tag of 513 bytes", [](ClientOptions& o) { o.tags.emplace_back(513, 'x'); }},
      {"an empty development secret", [](ClientOptions& o) { o.dev_attestation.secret.clear(); }},
  };
  for (const auto& [name, fault] : kFaults) {
    auto options = good;
    fault(options);
    const auto client = Client::create(options);
    ASSERT_FALSE(client) << name;
    EXPECT_EQ(client.error().kind, Failure::kUsage) << name;
    EXPECT_EQ(client.error().code, "client.bad_option") << name;
  }
}

TEST(Client, SaysWhatTheRouterSaid) {
  StubClient stub;
  const Client client = stub.make();
  stub.router.alter = [](StubReply& reply) { reply = error_reply(400, "unprocessable credit"); };
  RecordedEvents events;
  auto summary = client.send(StubClient::prompt(), events);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().kind, Failure::kRequest);
  EXPECT_EQ(summary.error().code, "client.router_refused");
  EXPECT_EQ(summary.error().http_status, 400);
  EXPECT_NE(summary.error().message.find("unprocessable credit"), std::string::npos);
  EXPECT_TRUE(events.heads.empty());

  stub.transport->dead = Error{net::kConnectFailed, "refused: http://stub.invalid"};
  summary = client.send(StubClient::prompt(), events);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().kind, Failure::kRequest);
  EXPECT_EQ(summary.error().code, "client.router_unreachable");
}

TEST(Client, Pings) {
  StubClient stub;
  const Client client = stub.make();
  EXPECT_TRUE(client.ping());
  stub.transport->dead = Error{net::kTimeout, "too slow"};
  EXPECT_EQ(client.ping().error().code, "client.router_unreachable");
}

}  // namespace
}  // namespace openpcc::sdk
