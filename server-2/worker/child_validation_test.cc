// What a refused request gets, to the byte, and what else PROTOCOL H.12 to H.14 say of an answer: in a real child.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "crypto/signature.h"
#include "wire/badge.h"
#include "worker/child_serving_testing.h"

namespace openpcc::worker {
namespace {

using Head = bhttp::RequestHead;

const Bytes kBadgeSeed(32, 7);

std::string badge_for(std::vector<std::string> models) {
  wire::Badge badge{.credentials = {.models = std::move(models)}, .signature = {}};
  badge.signature = crypto::sign_ed25519(kBadgeSeed, wire::signed_bytes(badge).value()).value();
  return to_base64(wire::encode(badge).value());
}

void set(Head& head, const std::string& name, const std::string& value) {
  std::erase_if(head.fields, [&](const bhttp::Field& field) { return field.name == name; });
  head.fields.push_back({name, value});
}

TEST(ChildRefusal, EachIsTheOfficialOneToTheByte) {
  const std::string good = chat_body("x", false);
  const struct {
    std::function<void(Head&)> change;
    std::string body;
    int status;
    const char* code;
    const char* message;  // as JSON
  } rows[] = {
      {[](Head& h) { h.path += "?a"; }, good, 400, "ErrQueryParamsNotAllowed", "not supported: query params"},
      {[](Head& h) { h.path = "/a/../b"; }, good, 400, "ErrInvalidRequestURI", "suspicious path: /a/../b"},
      {[](Head& h) { h.path = "/<&>"; }, good, 404, "ErrUnsupportedPath", "not supported: /\\u003c\\u0026\\u003e"},
      {[](Head& h) { h.method = "PUT"; }, good, 400, "ErrUnsupportedMethod", "not supported: PUT /v1/chat/completions"},
      {[](Head& h) { set(h, "content-type", "text/json"); }, good, 400, "ErrContentTypeNotAllowed",
       "Content-Type header must be set to application/json"},
      {[](Head& h) { set(h, "content-encoding", "gzip"); }, good, 400, "ErrHeaderNotAllowed",
       "header not allowed: Content-Encoding"},
      {[](Head& h) { set(h, "x-long-name", std::string(1025, 'a')); }, good, 400, "ErrHeaderTooLarge",
       "header size exceeds max size: X-Long-Name"},
      {[](Head& h) { std::erase_if(h.fields, [](const auto& f) { return f.name == "x-confsec-badge"; }); }, good, 400,
       "ErrBadgeInvalid", "badge is not provided"},
      {[](Head& h) { h.authority = "localhost"; }, good, 400, "ErrUnknownHostname", "unknown hostname"},
      {[](Head& h) { set(h, "x-confsec-badge", "AAAA"); }, good, 400, "ErrBadgeInvalid", "failed to parse badge"},
      {[](Head&) {}, std::string(limits::kRequestBody + 1, ' '), 400, "ErrBodyTooLarge",
       "content-length exceeds max size"},
      {[](Head&) {}, "", 400, "ErrEmptyBody", "empty body"},
      {[](Head&) {}, R"({"a\"<":1})", 400, "ErrInvalidJSON",
       R"(failed to decode request body: json: unknown field \"a\\\"\\u003c\")"},
      {[](Head&) {}, "null", 400, "ErrInvalidJSON", "null request body"},
      {[](Head&) {}, good + "[", 400, "ErrMultipleJSONObjects", "multiple JSON objects in request body"},
      {[](Head&) {}, R"({"model":"m"})", 400, "ErrMissingRequiredField", "missing required field: messages"},
      {[](Head&) {}, R"({"model":"n","messages":[]})", 400, "ErrUnsupportedModel", "unsupported model: n"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(std::string(row.code) + " " + row.message);
    auto head = chat_head();
    set(head, "x-confsec-badge", badge_for({"m", "n"}));
    row.change(head);
    const auto answered =
        serve(seal_for_test(head, row.body), say_hello, crypto::ed25519_public_key(kBadgeSeed).value());
    expect_refused(answered, row.status, row.code);
    EXPECT_EQ(answered.head.fields, (bhttp::Fields{{"content-type", "application/json"}}));
    EXPECT_EQ(answered.content, R"({"code":")" + std::string(row.code) +
                                    R"(","error":"Request Validation Error","message":")" + row.message + "\"}");
  }
}

// A request of unknown length, as the official client sends it for a body without one, with a field that no encoder
// writes there: other programs may. An empty name: without it.
SealedForTest seal_without_length(Head head, std::string_view body, const std::string& name = "",
                                  const std::string& value = "") {
  const std::string stand_in = name.empty() ? "" : name.substr(0, name.size() - 1) + "0";
  if (!name.empty()) head.fields.push_back({stand_in, value});
  bhttp::MessageWriter writer;
  WipedBytes plain;
  EXPECT_TRUE(writer.request(head, plain) && writer.content(as_bytes(body), plain) && writer.finish({}, plain));
  const auto at = std::search(plain.begin(), plain.end(), stand_in.begin(), stand_in.end());
  std::copy(name.begin(), name.end(), at);
  return seal_plaintext_for_test(plain);
}

TEST(ChildRefusal, ARequestOfUnknownLength) {
  const std::string body = chat_body("x", false);
  const auto answer_to = [&](const std::string& length) {
    return serve(seal_without_length(chat_head(), body, "content-length", length));
  };
  EXPECT_EQ(answer_to(std::to_string(body.size())).content, "hello from the engine") << "the field is what counts";
  for (const size_t length : {size_t{0}, body.size() - 1, body.size() + 1}) {
    const auto refused = answer_to(std::to_string(length));
    expect_refused(refused, 400, "ErrContentLengthMismatch");
    EXPECT_NE(refused.content.find(R"("message":"content-length does not match body size")"), std::string::npos);
  }
  EXPECT_EQ(answer_to("-1").exit, kExitNotDecrypted);
  expect_refused(serve(seal_without_length(chat_head(), body)), 400, "ErrContentLengthMismatch");
  expect_refused(serve(seal_without_length(chat_head(), "")), 400, "ErrEmptyBody");
  const auto large = serve(seal_without_length(chat_head(), std::string(limits::kRequestBody + 1, 'a')));
  expect_refused(large, 400, "ErrBodyTooLarge");
  EXPECT_NE(large.content.find(R"("message":"body exceeds max size")"), std::string::npos);
}

TEST(ChildRefusal, ATransferEncoding) {
  const std::string body = chat_body("x", false);
  const auto chunked = serve(seal_without_length(chat_head(), body, "transfer-encoding", "chunked"));
  expect_refused(chunked, 400, "ErrTransferEncodingNotAllowed");
  EXPECT_NE(chunked.content.find(R"("message":"transfer-encoding=chunked not allowed")"), std::string::npos);
  const auto other = serve(seal_without_length(chat_head(), body, "transfer-encoding", "identity"));
  expect_refused(other, 400, "ErrHeaderNotAllowed");
  EXPECT_NE(other.content.find(R"("message":"header not allowed: Transfer-Encoding")"), std::string::npos);
}

TEST(ChildRefusal, HeadThenHostThenBadgeThenBody) {
  const Bytes key = crypto::ed25519_public_key(kBadgeSeed).value();
  const auto code_of = [&](const std::function<void(Head&)>& change, std::string_view body) {
    auto head = chat_head();
    set(head, "x-confsec-badge", badge_for({"m"}));
    change(head);
    const auto answered = serve(seal_for_test(head, body), say_hello, key);
    return answered.content.substr(0, answered.content.find(','));
  };
  const auto bad_badge = [](Head& h) { set(h, "x-confsec-badge", "AAAA"); };
  EXPECT_EQ(code_of(bad_badge, "{"), R"({"code":"ErrBadgeInvalid")");
  EXPECT_EQ(code_of(bad_badge, std::string(2'000'000, 'a')), R"({"code":"ErrBadgeInvalid")");
  const auto bad_host = [&](Head& h) {
    bad_badge(h);
    h.authority = "x";
  };
  EXPECT_EQ(code_of(bad_host, "{"), R"({"code":"ErrUnknownHostname")");
  const auto bad_path = [&](Head& h) {
    bad_host(h);
    h.path = "/x";
  };
  EXPECT_EQ(code_of(bad_path, std::string(2'000'000, 'a')), R"({"code":"ErrUnsupportedPath")");
}

TEST(ChildRefusal, TheModelMustBeInBadgeAndNode) {
  const auto refusal = [&](std::vector<std::string> models, const char* asked) {
    auto head = chat_head();
    set(head, "x-confsec-badge", badge_for(std::move(models)));
    const std::string body = R"({"messages":[],"model":")" + std::string(asked) + "\"}";
    return serve(seal_for_test(head, body), say_hello, crypto::ed25519_public_key(kBadgeSeed).value());
  };
  EXPECT_EQ(refusal({"a", "m"}, "m").content, "hello from the engine");
  expect_refused(refusal({"a"}, "m"), 400, "ErrUnsupportedModel");
  expect_refused(refusal({"a"}, "a"), 400, "ErrUnsupportedModel");
  expect_refused(refusal({}, "m"), 400, "ErrUnsupportedModel");
}

// The body of a chunked request as its parts: nonce, frames, final frame.
std::vector<Bytes> frames_of(const Bytes& body) {
  std::vector<Bytes> frames = {Bytes(body.begin(), body.begin() + 12)};
  for (size_t at = 12; at < body.size();) {
    size_t size = 1 + (body[at] & 0x3fU);
    if (body[at] >> 6 == 1) size = 2 + ((body[at] & 0x3fU) << 8 | body[at + 1]);
    if (body[at] == 0) size = body.size() - at;
    frames.emplace_back(body.begin() + static_cast<ptrdiff_t>(at), body.begin() + static_cast<ptrdiff_t>(at + size));
    at += size;
  }
  return frames;
}

TEST(ChildRefusal, ABrokenBodyBehindAGoodHeadIsAnsweredSealed) {
  const auto with = [](const std::function<void(std::vector<Bytes>&)>& change) {
    auto request = seal_chunked_for_test(chat_head(), chat_body(std::string(5000, 'x'), false));
    auto frames = frames_of(request.body);
    EXPECT_GT(frames.size(), 10U);
    change(frames);
    request.body.clear();
    for (const Bytes& frame : frames) append(request.body, frame);
    return serve(request);
  };
  using Frames = std::vector<Bytes>;
  EXPECT_EQ(with([](Frames&) {}).content, "hello from the engine");
  const struct {
    const char* name;
    std::function<void(Frames&)> change;
  } rows[] = {
      {"altered", [](Frames& f) { f[4][100] ^= 1; }},
      {"missing", [](Frames& f) { f.erase(f.begin() + 4); }},
      {"repeated", [](Frames& f) { f.insert(f.begin() + 4, Bytes(f[4])); }},
      {"exchanged", [](Frames& f) { std::swap(f[4], f[5]); }},
      {"cut inside a frame", [](Frames& f) { f.resize(5), f[4].resize(50); }},
      {"cut between frames", [](Frames& f) { f.resize(5); }},
      {"no final frame", [](Frames& f) { f.pop_back(); }},
      {"final frame altered", [](Frames& f) { f.back().back() ^= 1; }},
      {"final frame cut", [](Frames& f) { f.back().pop_back(); }},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto answered = with(row.change);
    expect_refused(answered, 400, "ErrReadingBody");
    EXPECT_NE(answered.content.find(R"("message":"error reading body: )"), std::string::npos) << answered.content;
  }
  EXPECT_EQ(with([](Frames& f) { f[1][30] ^= 1; }).exit, kExitNotDecrypted) << "the head itself does not open";
  EXPECT_EQ(with([](Frames& f) { f.resize(1); }).exit, kExitNotDecrypted);
}

Result<std::optional<engine::Usage>> must_not_be_asked(const engine::Request&, engine::ResponseSink&) {
  return fail(engine::kBroken, "not to be asked");
}

TEST(ChildExec, NoopIsAnsweredWithoutTheEngine) {
  const struct {
    const char* path;
    std::string body;
    const char* content;
    bool refund;  // the official worker finds the counts
  } rows[] = {
      {"/v1/chat/completions", chat_body("x", false), R"("id":"chatcmpl-noop")", true},
      {"/v1/completions", R"({"model":"m","prompt":"x"})", R"("response":"noop")", false},
      {"/api/chat", R"({"model":"m","messages":[]})", R"("response":"noop")", true},
      {"/api/generate", R"({"model":"m","prompt":"x"})", R"("response":"noop")", true},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.path);
    auto head = chat_head();
    head.path = row.path;
    head.fields.push_back({"x-confsec-exec", "noop"});
    const auto answered = serve(seal_for_test(head, row.body), must_not_be_asked);
    EXPECT_EQ(answered.exit, kExitAnswered);
    ASSERT_TRUE(answered.opened.has_value()) << answered.opened.error().message;
    EXPECT_EQ(answered.head.status, 200);
    EXPECT_EQ(bhttp::find(answered.head.fields, "content-type"), "application/x-ndjson");
    EXPECT_TRUE(bhttp::find(answered.head.fields, "date").has_value());
    EXPECT_NE(answered.content.find(row.content), std::string::npos) << answered.content;
    ASSERT_TRUE(answered.footer);
    ASSERT_EQ(answered.refund.has_value(), row.refund);
    if (!row.refund) continue;
    const auto left = answered.refund->amount();  // 262144 - 8.5, rounded to a neighbour
    EXPECT_TRUE(left == 262144 || left == 253952) << left.value_or(-1);
  }
}

TEST(ChildExec, OtherModesAreAnsweredWithoutTheEngineAndRefunded) {
  const struct {
    const char* mode;
    const char* path;
    int status;
    std::optional<std::pair<int64_t, int64_t>> refund;  // neighbours: what is left is rounded to one of them
  } rows[] = {
      {"diagnostic-error", "/v1/completions", 404, {{kTestCredit, kTestCredit}}},
      {"diagnostic-nothing", "/v1/completions", 400, {{kTestCredit, kTestCredit}}},
      {"diagnostic-no-stream-short", "/v1/completions", 200, {{253952, 262144}}},  // 262144 - 7 - 44
      {"diagnostic-stream-empty", "/v1/completions", 200, {{253952, 262144}}},     // 262144 - 7
      {"diagnostic-no-stream-extra-long", "/v1/completions", 200, std::nullopt},   // counts of Ollama's form
      {"diagnostic-no-stream-extra-long", "/api/generate", 200, {{253952, 262144}}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(std::string(row.mode) + " " + row.path);
    auto head = chat_head();
    head.path = row.path;
    head.fields.push_back({"x-confsec-exec", row.mode});
    const auto answered = serve(seal_for_test(head, R"({"model":"m","prompt":"x"})"), must_not_be_asked);
    EXPECT_EQ(answered.exit, kExitAnswered);
    ASSERT_TRUE(answered.opened.has_value()) << answered.opened.error().message;
    EXPECT_EQ(answered.head.status, row.status);
    ASSERT_TRUE(answered.footer);
    ASSERT_EQ(answered.refund.has_value(), row.refund.has_value());
    if (!row.refund) continue;
    const auto left = answered.refund->amount();
    EXPECT_TRUE(left == row.refund->first || left == row.refund->second) << left.value_or(-1);
  }
}

// The official worker panics at a credit of 1.
TEST(ChildExec, SimulatedIsRefundedFromItsCounts) {
  for (const int64_t credit : {1, 2, 64}) {
    auto head = chat_head();
    head.path = "/api/generate";
    head.fields.push_back({"x-confsec-exec", "simulated"});
    auto request = seal_for_test(head, R"({"model":"m","prompt":"x"})");
    request.head.credit_amount = credit;
    const auto answered = serve(request, must_not_be_asked);
    EXPECT_EQ(answered.exit, kExitAnswered);
    EXPECT_EQ(answered.head.status, 200);
    EXPECT_NE(answered.content.find(R"("done":true)"), std::string::npos);
    ASSERT_TRUE(answered.footer);
    const auto last =
        nlohmann::json::parse(answered.content.substr(answered.content.rfind('\n', answered.content.size() - 2) + 1));
    const double left = static_cast<double>(credit) - 2.5 * last["eval_count"].get<double>();
    EXPECT_EQ(answered.refund.has_value(), left > 0) << left;
  }
}

TEST(ChildExec, ValidationComesFirst) {
  auto head = chat_head();
  head.fields.push_back({"x-confsec-exec", "noop"});
  expect_refused(serve(seal_for_test(head, R"({"model":"n","messages":[]})")), 400, "ErrUnsupportedModel");
  head.path = "/api/tags";
  expect_refused(serve(seal_for_test(head, chat_body("x", false))), 404, "ErrUnsupportedPath");
}

TEST(ChildExec, OtherValuesMeanNothing) {
  for (const char* value : {"", "Noop", "noop ,x", "diagnostic", "simulate", "Diagnostic-error"}) {
    auto head = chat_head();
    head.fields.push_back({"x-confsec-exec", value});
    EXPECT_EQ(serve(seal_for_test(head, chat_body("x", false))).content, "hello from the engine") << value;
  }
}

LambdaEngine::Handle answer_with(int status, const bhttp::Fields& fields = {},
                                 std::optional<engine::Usage> usage = {}) {
  return [=](const engine::Request&, engine::ResponseSink& sink) -> Result<std::optional<engine::Usage>> {
    OPENPCC_TRY_STATUS(sink.head(status, fields, 2));
    OPENPCC_TRY_STATUS(sink.content(as_bytes("ok")));
    return usage;
  };
}

TEST(ChildRefund, FollowsTheStatusOfTheAnswer) {
  const engine::Usage usage{.input_tokens = 131072, .output_tokens = 32768};  // half the credit, a representable amount
  const struct {
    int status;
    std::optional<engine::Usage> usage;
    std::optional<int64_t> refund;
  } rows[] = {
      {200, usage, 131072},
      {201, usage, 131072},
      {299, usage, 131072},
      {200, std::nullopt, std::nullopt},
      {300, usage, std::nullopt},
      {302, usage, std::nullopt},
      {399, usage, std::nullopt},
      {400, usage, kTestCredit},
      {404, std::nullopt, kTestCredit},
      {429, std::nullopt, kTestCredit},
      {500, std::nullopt, kTestCredit},
      {599, usage, kTestCredit},
  };
  const auto request = seal_for_test(chat_head(), chat_body("x", false));
  for (const auto& row : rows) {
    SCOPED_TRACE(row.status);
    const auto answered = serve(request, answer_with(row.status, {}, row.usage));
    EXPECT_EQ(answered.exit, kExitAnswered);
    ASSERT_TRUE(answered.opened.has_value()) << answered.opened.error().message;
    EXPECT_EQ(answered.head.status, row.status);
    EXPECT_EQ(answered.content, "ok");
    EXPECT_TRUE(answered.footer) << "the answer is whole with or without a refund";
    ASSERT_EQ(answered.refund.has_value(), row.refund.has_value());
    if (!row.refund) continue;
    EXPECT_EQ(answered.refund->amount().value_or(-1), *row.refund);
  }
}

TEST(ChildRefund, OneThatCannotBeWrittenDoesNotTakeTheAnswer) {
  auto request = seal_for_test(chat_head(), chat_body("x", false));
  request.head.credit_amount = INT64_MAX;  // more than any currency value
  const auto answered = serve(request, answer_with(404));
  EXPECT_EQ(answered.exit, kExitAnswered);
  ASSERT_TRUE(answered.opened.has_value());
  EXPECT_EQ(answered.content, "ok");
  EXPECT_TRUE(answered.footer);
  EXPECT_FALSE(answered.refund.has_value());
}

TEST(ChildAnswer, TheEnginesFieldsComeThrough) {
  const bhttp::Fields fields = {{"connection", "keep-alive"},
                                {"content-type", "text/plain"},
                                {"server", "llm"},
                                {"set-cookie", "a=1"},
                                {"set-cookie", "b=2"}};
  const auto answered = serve(seal_for_test(chat_head(), chat_body("x", false)), answer_with(201, fields));
  ASSERT_TRUE(answered.opened.has_value()) << answered.opened.error().message;
  EXPECT_EQ(answered.head.content_length, 2U) << "set again, for the length is known";
  for (const bhttp::Field& field : fields) {
    EXPECT_NE(std::find(answered.head.fields.begin(), answered.head.fields.end(), field), answered.head.fields.end())
        << field.name;
  }
}

TEST(ChildAnswer, AnEngineThatCannotBeReachedEndsItWithoutAnAnswer) {
  const auto answered = serve(seal_for_test(chat_head(), chat_body("x", false)), must_not_be_asked);
  EXPECT_EQ(answered.exit, kExitFailed);
  EXPECT_FALSE(answered.header.has_value());
}

}  // namespace
}  // namespace openpcc::worker
