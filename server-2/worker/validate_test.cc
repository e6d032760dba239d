#include <gtest/gtest.h>

#include <functional>

#include "base/limits.h"
#include "worker/validate_body.h"
#include "worker/validate_head.h"

namespace openpcc::worker {
namespace {

bhttp::RequestHead good_head() {
  return {.method = "POST",
          .scheme = "http",
          .authority = "confsec.invalid",
          .path = "/v1/chat/completions",
          .fields = {{"content-type", "application/json"}, {"x-confsec-badge", "b"}, {"user-agent", "test"}}};
}

void set(bhttp::RequestHead& head, const std::string& name, const std::string& value) {
  std::erase_if(head.fields, [&](const bhttp::Field& field) { return field.name == name; });
  head.fields.push_back({name, value});
}

struct HeadRow {
  const char* name;
  std::function<void(bhttp::RequestHead&)> change;
  const char* code;  // null: accepted
  const char* message;
  int status = 400;
};

TEST(ValidateHead, AcceptsEachEndpoint) {
  for (const char* path : {"/v1/chat/completions", "/v1/completions", "/api/chat", "/api/generate"}) {
    auto head = good_head();
    head.path = path;
    EXPECT_TRUE(validate_head(head, true).has_value()) << path;
  }
}

TEST(ValidateHead, EachRowOfTheOfficialOrder) {
  using H = bhttp::RequestHead;
  const HeadRow rows[] = {
      {"query", [](H& h) { h.path += "?a=b"; }, "ErrQueryParamsNotAllowed", "not supported: query params"},
      {"empty query", [](H& h) { h.path += "?"; }, "ErrInvalidRequestURI", "suspicious path: /v1/chat/completions?"},
      {"dot dot", [](H& h) { h.path = "/v1/../v1/completions"; }, "ErrInvalidRequestURI",
       "suspicious path: /v1/../v1/completions"},
      {"trailing slash", [](H& h) { h.path = "/api/chat/"; }, "ErrInvalidRequestURI", "suspicious path: /api/chat/"},
      {"double slash", [](H& h) { h.path = "//api/chat"; }, "ErrInvalidRequestURI", "suspicious path: //api/chat"},
      {"escape", [](H& h) { h.path = "/api/%67enerate"; }, "ErrInvalidRequestURI", "suspicious path: /api/%67enerate"},
      {"no leading slash", [](H& h) { h.path = "http://confsec.invalid/api/chat"; }, "ErrInvalidRequestURI",
       "suspicious path: http://confsec.invalid/api/chat"},
      {"asterisk", [](H& h) { h.path = "*"; }, "ErrInvalidRequestURI", "suspicious path: *"},
      {"escape with a query", [](H& h) { h.path = "/api/%67enerate?a"; }, "ErrQueryParamsNotAllowed",
       "not supported: query params"},
      {"dot", [](H& h) { h.path = "/api/./chat"; }, "ErrInvalidRequestURI", "suspicious path: /api/./chat"},
      {"unknown", [](H& h) { h.path = "/api/tags"; }, "ErrUnsupportedPath", "not supported: /api/tags", 404},
      {"longer", [](H& h) { h.path = "/v1/chat/completions/x"; }, "ErrUnsupportedPath",
       "not supported: /v1/chat/completions/x", 404},
      {"other case", [](H& h) { h.path = "/API/chat"; }, "ErrUnsupportedPath", "not supported: /API/chat", 404},
      {"fragment", [](H& h) { h.path = "/api/chat#a"; }, "ErrUnsupportedPath", "not supported: /api/chat#a", 404},
      {"root", [](H& h) { h.path = "/"; }, "ErrUnsupportedPath", "not supported: /", 404},
      {"method", [](H& h) { h.method = "GET"; }, "ErrUnsupportedMethod", "not supported: GET /v1/chat/completions"},
      {"method of another case", [](H& h) { h.method = "post"; }, "ErrUnsupportedMethod",
       "not supported: post /v1/chat/completions"},
      {"path before method",
       [](H& h) {
         h.path = "/api/tags";
         h.method = "GET";
       },
       "ErrUnsupportedPath", "not supported: /api/tags", 404},
      {"chunked", [](H& h) { set(h, "transfer-encoding", "chunked"); }, "ErrTransferEncodingNotAllowed",
       "transfer-encoding=chunked not allowed"},
      {"media type", [](H& h) { set(h, "content-type", "application/json; charset=utf-8"); },
       "ErrContentTypeNotAllowed", "Content-Type header must be set to application/json"},
      {"no media type", [](H& h) { h.fields.erase(h.fields.begin()); }, "ErrContentTypeNotAllowed",
       "Content-Type header must be set to application/json"},
      {"the first of two media types counts",
       [](H& h) {
         h.fields.push_back({"content-type", "text/plain"});
       },
       nullptr, ""},
      {"chunked before media type",
       [](H& h) {
         set(h, "transfer-encoding", "chunked");
         set(h, "content-type", "text/plain");
       },
       "ErrTransferEncodingNotAllowed", "transfer-encoding=chunked not allowed"},
      {"gzip", [](H& h) { set(h, "content-encoding", "gzip"); }, "ErrHeaderNotAllowed",
       "header not allowed: Content-Encoding"},
      {"other transfer encoding", [](H& h) { set(h, "transfer-encoding", "gzip"); }, "ErrHeaderNotAllowed",
       "header not allowed: Transfer-Encoding"},
      {"1024 bytes", [](H& h) { set(h, "x-app", std::string(1024, 'a')); }, nullptr, ""},
      {"1025 bytes", [](H& h) { set(h, "x-app", std::string(1025, 'a')); }, "ErrHeaderTooLarge",
       "header size exceeds max size: X-App"},
      {"1025 bytes in two lines",
       [](H& h) {
         h.fields.push_back({"x-app", std::string(1000, 'a')});
         h.fields.push_back({"x-app", std::string(25, 'a')});
       },
       "ErrHeaderTooLarge", "header size exceeds max size: X-App"},
      {"no badge", [](H& h) { h.fields.erase(h.fields.begin() + 1); }, "ErrBadgeInvalid", "badge is not provided"},
      {"empty badge", [](H& h) { set(h, "x-confsec-badge", ""); }, "ErrBadgeInvalid", "badge is not provided"},
      {"other headers before the badge",
       [](H& h) {
         h.fields.erase(h.fields.begin() + 1);
         set(h, "content-encoding", "gzip");
       },
       "ErrHeaderNotAllowed", "header not allowed: Content-Encoding"},
      {"badge before host",
       [](H& h) {
         h.fields.erase(h.fields.begin() + 1);
         h.authority = "example.org";
       },
       "ErrBadgeInvalid", "badge is not provided"},
      {"host", [](H& h) { h.authority = "example.org"; }, "ErrUnknownHostname", "unknown hostname"},
      {"host of another case", [](H& h) { h.authority = "Confsec.invalid"; }, "ErrUnknownHostname", "unknown hostname"},
      {"host with port", [](H& h) { h.authority = "confsec.invalid:80"; }, "ErrUnknownHostname", "unknown hostname"},
      {"no host", [](H& h) { h.authority.clear(); }, "ErrUnknownHostname", "unknown hostname"},
      {"query before path", [](H& h) { h.path = "/nowhere?a"; }, "ErrQueryParamsNotAllowed",
       "not supported: query params"},
      {"endpoint before headers",
       [](H& h) {
         h.path = "/nowhere";
         h.fields.clear();
       },
       "ErrUnsupportedPath", "not supported: /nowhere", 404},
      {"headers before host",
       [](H& h) {
         h.authority = "x";
         set(h, "content-type", "text/plain");
       },
       "ErrContentTypeNotAllowed", "Content-Type header must be set to application/json"},
  };
  for (const HeadRow& row : rows) {
    SCOPED_TRACE(row.name);
    auto head = good_head();
    row.change(head);
    const auto checked = validate_head(head, true);
    ASSERT_EQ(checked.has_value(), row.code == nullptr);
    if (row.code == nullptr) continue;
    EXPECT_EQ(checked.error().code, row.code);
    EXPECT_EQ(checked.error().message, row.message);
    EXPECT_EQ(checked.error().status, row.status);
  }
}

TEST(ValidateHead, WithoutABadgeKeyNoBadgeIsAsked) {
  auto head = good_head();
  std::erase_if(head.fields, [](const bhttp::Field& field) { return field.name == "x-confsec-badge"; });
  EXPECT_TRUE(validate_head(head, false).has_value());
}

const std::vector<std::string> kModels = {"llama3.2:1b", "other"};

Checked<ValidBody> check(std::string_view path, std::string_view body,
                         const std::vector<std::string>* badge = nullptr) {
  const BodyChecks checks{
      .path = path, .content_length = static_cast<int64_t>(body.size()), .models = kModels, .badge_models = badge};
  return validate_body(checks, as_bytes(body), "");
}

std::string forwarded(std::string_view path, std::string_view body) {
  const auto valid = check(path, body);
  if (!valid) return std::string(valid.error().code) + " " + valid.error().message;
  return {valid->json.begin(), valid->json.end()};
}

TEST(ValidateBody, SizesInTheOfficialOrder) {
  const std::string body = R"({"model":"other","prompt":"x"})";
  const auto code = [&](std::optional<int64_t> length, std::string_view text, std::string_view error = "") {
    const auto valid =
        validate_body({.path = "/api/generate", .content_length = length, .models = kModels, .badge_models = nullptr},
                      as_bytes(text), error);
    return valid ? std::string("accepted") : std::string(valid.error().code) + ": " + valid.error().message;
  };
  const auto size = static_cast<int64_t>(body.size());
  EXPECT_EQ(code(size, body), "accepted");
  EXPECT_EQ(code(1048577, body), "ErrBodyTooLarge: content-length exceeds max size");
  EXPECT_EQ(code(1048577, "", "cut"), "ErrBodyTooLarge: content-length exceeds max size");
  EXPECT_EQ(code(size, body, "unexpected EOF"), "ErrReadingBody: error reading body: unexpected EOF");
  EXPECT_EQ(code(0, ""), "ErrEmptyBody: empty body");
  EXPECT_EQ(code(std::nullopt, ""), "ErrEmptyBody: empty body");
  EXPECT_EQ(code(size, ""), "ErrEmptyBody: empty body") << "before the comparison of lengths";
  EXPECT_EQ(code(size, "", "unexpected EOF"), "ErrReadingBody: error reading body: unexpected EOF");
  EXPECT_EQ(code(1048576, body), "ErrContentLengthMismatch: content-length does not match body size");
  EXPECT_EQ(code(size, "{" + body.substr(1, body.size() - 2) + " "),
            "ErrInvalidJSON: failed to decode request body: unexpected EOF");
  EXPECT_EQ(code(std::nullopt, std::string(limits::kRequestBody + 1, ' ')), "ErrBodyTooLarge: body exceeds max size");
  EXPECT_EQ(code(std::nullopt, body), "ErrContentLengthMismatch: content-length does not match body size");
  EXPECT_EQ(code(size - 1, body), "ErrContentLengthMismatch: content-length does not match body size");
  EXPECT_EQ(code(size + 1, body), "ErrContentLengthMismatch: content-length does not match body size");
}

TEST(ValidateBody, LargestBodyIsAccepted) {
  std::string body = R"({"model":"other","prompt":")";
  body += std::string(limits::kRequestBody - body.size() - 2, 'a') + "\"}";
  ASSERT_EQ(body.size(), limits::kRequestBody);
  EXPECT_TRUE(check("/api/generate", body).has_value());
}

TEST(ValidateBody, WhatTheEngineGetsMayBeLargerThanTheBody) {
  std::string body = R"({"model":"other","stream":true,"prompt":")";
  body += std::string(limits::kRequestBody - body.size() - 2, '\xff') + "\"}";
  const auto valid = check("/v1/completions", body);
  ASSERT_TRUE(valid.has_value());
  EXPECT_GT(valid->json.size(), 2 * limits::kRequestBody);
}

TEST(ValidateBody, RowsOfTheOfficialValidator) {
  constexpr std::string_view kChat = "/v1/chat/completions", kText = "/v1/completions", kGenerate = "/api/generate";
  const struct {
    const char* name;
    std::string_view path;
    std::string body;
    const char* code;
    std::string message;  // empty: not compared
  } rows[] = {
      {"null", kText, "null", "ErrInvalidJSON", "null request body"},
      {"null and more", kText, "null x", "ErrInvalidJSON", "null request body"},
      {"null with blanks", kText, " \r\n\tnull", "ErrInvalidJSON", "null request body"},
      {"array", kText, "[]", "ErrInvalidJSON", ""},
      {"number", kText, "5", "ErrInvalidJSON", ""},
      {"blank", kText, "   ", "ErrInvalidJSON", ""},
      {"cut", kText, R"({"model":"other)", "ErrInvalidJSON", ""},
      {"no JSON", kText, R"({"model":other})", "ErrInvalidJSON", ""},
      {"no UTF-8 outside of text", kText, "{\"model\":\"other\",\xff\"prompt\":\"x\"}", "ErrInvalidJSON", ""},
      {"line break in text", kText, "{\"model\":\"other\",\"prompt\":\"\n\"}", "ErrInvalidJSON", ""},
      {"byte order mark", kText, "\xef\xbb\xbf{\"model\":\"other\",\"prompt\":\"x\"}", "ErrInvalidJSON", ""},
      {"no UTF-8", kText, "{\"model\":\"\xff\",\"prompt\":\"x\"}", "ErrUnsupportedModel",
       "unsupported model: \xef\xbf\xbd"},
      {"number beyond a double", kText, R"({"model":"other","prompt":"x","stop":[1e400]})", "ErrInvalidJSON", ""},
      {"unknown field", kText, R"({"model":"other","prompt":"x","best":1})", "ErrInvalidJSON",
       R"(failed to decode request body: json: unknown field "best")"},
      {"field of another endpoint", kText, R"({"model":"other","messages":[]})", "ErrInvalidJSON", ""},
      {"unknown field of a message", kChat, R"({"model":"other","messages":[{"role":"user","content":"x","a":1}]})",
       "ErrInvalidJSON", ""},
      {"unknown stream option", kText, R"({"model":"other","prompt":"x","stream_options":{"a":true}})",
       "ErrInvalidJSON", ""},
      {"two objects", kText, R"({"model":"other","prompt":"x"} {"model":"other"})", "ErrMultipleJSONObjects",
       "multiple JSON objects in request body"},
      {"a letter behind", kText, R"({"model":"other","prompt":"x"}x)", "ErrMultipleJSONObjects", ""},
      {"a vertical tab behind", kText, "{\"model\":\"other\",\"prompt\":\"x\"}\v", "ErrMultipleJSONObjects", ""},
      {"decoding before what is behind", kText, R"({"model":5} {})", "ErrInvalidJSON", ""},
      {"what is behind before the route", kText, R"({"prompt":"x"} {})", "ErrMultipleJSONObjects", ""},
      {"text model", kText, R"({"model":5,"prompt":"x"})", "ErrInvalidJSON", ""},
      {"text flag", kText, R"({"model":"other","prompt":"x","stream":"true"})", "ErrInvalidJSON", ""},
      {"fractional integer", kText, R"({"model":"other","prompt":"x","max_tokens":1.0})", "ErrInvalidJSON", ""},
      {"exponent", kText, R"({"model":"other","prompt":"x","max_tokens":1e0})", "ErrInvalidJSON", ""},
      {"integer over 64 bits", kText, R"({"model":"other","prompt":"x","seed":9223372036854775808})", "ErrInvalidJSON",
       ""},
      {"integer in quotes", kText, R"({"model":"other","prompt":"x","n":"1"})", "ErrInvalidJSON", ""},
      {"list as prompt", kText, R"({"model":"other","prompt":["x"]})", "ErrInvalidJSON", ""},
      {"message that is no object", kChat, R"({"model":"other","messages":["x"]})", "ErrInvalidJSON", ""},
      {"the second spelling is checked", kText, R"({"model":"other","Model":"mine","prompt":"x"})",
       "ErrUnsupportedModel", "unsupported model: mine"},
      {"no model", kText, R"({"prompt":"x"})", "ErrMissingRequiredField", "missing required field: model"},
      {"null model", kText, R"({"model":null,"prompt":"x"})", "ErrMissingRequiredField",
       "missing required field: model"},
      {"empty model", kText, R"({"model":"","prompt":"x"})", "ErrMissingRequiredField",
       "missing required field: model"},
      {"model first", kText, R"({"model":"mine"})", "ErrUnsupportedModel", "unsupported model: mine"},
      {"model before prompt", kText, "{}", "ErrMissingRequiredField", "missing required field: model"},
      {"null prompt", kGenerate, R"({"model":"other","prompt":null})", "ErrMissingRequiredField",
       "missing required field: prompt"},
      {"no prompt", kText, R"({"model":"other"})", "ErrMissingRequiredField", "missing required field: prompt"},
      {"empty prompt", kGenerate, R"({"model":"other","prompt":""})", "ErrMissingRequiredField",
       "missing required field: prompt"},
      {"no messages", kChat, R"({"model":"other"})", "ErrMissingRequiredField", "missing required field: messages"},
      {"null messages", "/api/chat", R"({"model":"other","messages":null})", "ErrMissingRequiredField",
       "missing required field: messages"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto valid = check(row.path, row.body);
    ASSERT_FALSE(valid.has_value());
    EXPECT_EQ(valid.error().code, row.code);
    EXPECT_EQ(valid.error().status, 400);
    EXPECT_TRUE(row.message.empty() || valid.error().message == row.message) << valid.error().message;
  }
}

TEST(ValidateBody, TheModelMustBeInTheBadgeToo) {
  const std::vector<std::string> badge = {"llama3.2:1b"};
  EXPECT_TRUE(check("/v1/completions", R"({"model":"llama3.2:1b","prompt":"x"})", &badge).has_value());
  const auto other = check("/v1/completions", R"({"model":"other","prompt":"x"})", &badge);
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, "ErrUnsupportedModel");
  EXPECT_EQ(other.error().message, "unsupported model: other");
  const auto before = check("/v1/completions", R"({"model":"other"})", &badge);
  EXPECT_EQ(before.error().code, "ErrMissingRequiredField") << "the badge's models come last";
}

TEST(ValidateBody, WhatTheEngineGets) {
  EXPECT_EQ(forwarded("/v1/completions", R"({"prompt":"<hi>&","model":"llama3.2:1b","stream":true})"),
            R"({"model":"llama3.2:1b","prompt":"<hi>&","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(forwarded("/v1/chat/completions",
                      R"({"model":"other","messages":[],"stream":true,"stream_options":{"include_usage":false}})"),
            R"({"messages":[],"model":"other","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(forwarded("/api/chat", R"({"model":"other","messages":[],"stream":true})"),
            R"({"model":"other","messages":[],"stream":true})")
      << "Ollama's answers always carry counts";
  EXPECT_EQ(
      forwarded("/v1/completions", R"( {"MODEL":"other","prompt":"a","prompt":"b","stop":null,"temperature":0}  )"),
      R"({"model":"other","prompt":"b","temperature":0})")
      << "one spelling, the last of two, no nulls, zeros stay";
  EXPECT_EQ(forwarded("/v1/chat/completions", R"({"model":"other","messages":[{"role":"user","content":"x"}],)"
                                              R"("response_format":{"b":1,"a":{"z":0.1,"y":12345678901234567}}})"),
            R"({"messages":[{"content":"x","role":"user"}],"model":"other",)"
            R"("response_format":{"b":1,"a":{"z":0.1,"y":12345678901234567}}})")
      << "the order inside a schema matters";
}

TEST(ValidateBody, ReadsFieldsAsGoDoes) {
  constexpr std::string_view kText = "/v1/completions", kChat = "/v1/chat/completions";
  EXPECT_EQ(forwarded(kText, R"({"Model":"mine","MODEL":"mine","model":"other","prompt":"x"})"),
            R"({"model":"other","prompt":"x"})")
      << "the last spelling counts";
  EXPECT_EQ(forwarded(kText, R"({"model":"other","prompt":"x","PROMPT":"y","prompt":"z"})"),
            R"({"model":"other","prompt":"z"})")
      << "also where it came first before";
  EXPECT_EQ(forwarded(kText, "{\"model\":\"other\",\"prompt\":\"x\",\"\u017feed\":1,\"top_\u212a\":2}"),
            R"({"model":"other","prompt":"x","seed":1,"top_k":2})")
      << "the long s and the Kelvin sign have a case, too";
  EXPECT_EQ(forwarded(kChat, R"({"model":"other","messages":[{"role":"a","ROLE":"b","role":"user","Content":"x"},)"
                             R"({"role":"user","Role":"tool"}],"stream_options":{"include_usage":false,)"
                             R"("INCLUDE_USAGE":false,"include_usage":true}})"),
            R"({"messages":[{"content":"x","role":"user"},{"role":"tool"}],"model":"other",)"
            R"("stream_options":{"include_usage":true}})")
      << "in each object of fields";
  EXPECT_EQ(forwarded(kChat, R"({"model":"other","messages":[],"metadata":{"Model":"a","model":"b"},)"
                             R"("tools":[{"role":1,"Role":2}]})"),
            R"({"messages":[],"model":"other","metadata":{"Model":"a","model":"b"},"tools":[{"role":1,"Role":2}]})")
      << "in untyped values the case is part of the key";
  EXPECT_EQ(forwarded(kChat, R"({"model":"other","messages":[null]})"), R"({"messages":[{}],"model":"other"})");
  EXPECT_EQ(forwarded("/api/chat", R"({"model":"other","messages":[null]})"), R"({"model":"other","messages":[null]})");
  EXPECT_EQ(forwarded(kText, "{\"model\":\"other\",\"prompt\":\"a\xff\\ud83d\"}"),
            "{\"model\":\"other\",\"prompt\":\"a\xef\xbf\xbd\xef\xbf\xbd\"}")
      << "a text cut inside a character";
  for (const char* behind : {"}", "]", " }\n", "]} {\"model\":\"mine\"}", "}x"}) {
    EXPECT_EQ(forwarded(kText, R"({"model":"other","prompt":"x"})" + std::string(behind)),
              R"({"model":"other","prompt":"x"})")
        << behind;
  }
  EXPECT_EQ(forwarded(kText, R"({"model":"other","prompt":"x","temperature":0,"seed":0,"stream":true})"),
            R"({"model":"other","prompt":"x","seed":0,"stream":true,"temperature":0,)"
            R"("stream_options":{"include_usage":true}})")
      << "zeros stay, where the official worker drops them from a streaming request";
}

TEST(ValidateBody, DeepAndWideJsonIsRefusedQuickly) {
  const std::string deep = R"({"model":"other","prompt":"x","stop":)" + std::string(400'000, '[');
  EXPECT_EQ(check("/v1/completions", deep).error().code, "ErrInvalidJSON");
  const std::string closed = deep + std::string(400'000, ']') + "}";
  EXPECT_EQ(check("/v1/completions", closed).error().code, "ErrInvalidJSON");
  std::string wide = R"({"model":"other","prompt":"x","logit_bias":{)";
  for (int i = 0; i < 70'000; ++i) wide += "\"" + std::to_string(i) + "\":1,";
  wide += R"("last":1}})";
  ASSERT_LT(wide.size(), limits::kRequestBody);
  EXPECT_EQ(check("/v1/completions", wide).error().code, "ErrInvalidJSON");
}

}  // namespace
}  // namespace openpcc::worker
