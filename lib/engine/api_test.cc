#include "engine/api.h"

#include <gtest/gtest.h>

#include <functional>

#include "engine/counted_answer.h"
#include "engine/testing/scripted.h"
#include "engine/utf8.h"

namespace openpcc::engine {
namespace {

using nlohmann::json;

// A clock that moves a millisecond at every look, and the same bytes for every id.
Environment test_environment() {
  auto ticks = std::make_shared<int64_t>(0);
  return {[] { return int64_t{1'700'000'000'123'456'789}; }, [ticks] { return *ticks += 1'000'000; },
          [](MutableByteView out) -> Status {
            std::fill(out.begin(), out.end(), uint8_t{0xAB});
            return {};
          }};
}

Result<std::optional<Usage>> ask(TokenSource& source, std::string_view path, std::string_view body,
                                 CollectingSink& sink, uint64_t default_max_tokens = 0) {
  const auto find = [&](std::string_view model) { return model == "m" ? &source : nullptr; };
  return answer({path, as_bytes(body)}, find, default_max_tokens, test_environment(), sink);
}

std::string chat_body(std::string_view more = "") {
  return R"({"model":"m","messages":[{"role":"user","content":"hi"}])" + std::string(more) + "}";
}

constexpr std::string_view kStream = R"(,"stream":true,"stream_options":{"include_usage":true})";

TEST(Answer, IsAChatCompletion) {
  ScriptedSource source({"Hel", "lo"});
  CollectingSink sink;
  const auto usage = ask(source, kChatCompletionsPath, chat_body(), sink);
  ASSERT_TRUE(usage);
  EXPECT_EQ(*usage, (Usage{7, 2}));
  EXPECT_EQ(sink.status, 200);
  EXPECT_EQ(sink.field("content-type"), "application/json");
  EXPECT_EQ(sink.length, sink.body.size());
  EXPECT_EQ(
      sink.body,
      R"({"id":"chatcmpl-abababababababababababab","object":"chat.completion","created":1700000000,"model":"m",)"
      R"("choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"logprobs":null,"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}})");
}

TEST(Answer, StreamsAChatCompletion) {
  ScriptedSource source({"Hel", "lo"});
  CollectingSink sink;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(kStream), sink));
  EXPECT_EQ(sink.field("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_FALSE(sink.length);
  EXPECT_TRUE(sink.body.ends_with("data: [DONE]\n\n"));
  const auto chunks = sink.stream();
  ASSERT_EQ(chunks.size(), 5U);  // role, two pieces, end, usage
  EXPECT_EQ(chunks[0]["choices"][0]["delta"], json({{"role", "assistant"}, {"content", ""}}));
  EXPECT_EQ(chunks[1]["choices"][0]["delta"]["content"], "Hel");
  EXPECT_EQ(chunks[2]["choices"][0]["delta"]["content"], "lo");
  EXPECT_EQ(chunks[2]["choices"][0]["finish_reason"], nullptr);
  EXPECT_EQ(chunks[3]["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(chunks[4]["choices"], json::array());
  EXPECT_EQ(chunks[4]["usage"]["total_tokens"], 9);
  for (const json& chunk : chunks) {
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    EXPECT_EQ(chunk["id"], "chatcmpl-abababababababababababab");
  }
  for (const std::string& piece : sink.pieces) {
    EXPECT_TRUE(piece.starts_with("data: ") && piece.ends_with("\n\n")) << piece;  // one whole event at a time
  }
}

TEST(Answer, LeavesUsageOutOfAStreamThatDidNotAskForIt) {
  ScriptedSource source({"x"});
  CollectingSink sink;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(R"(,"stream":true)"), sink));
  EXPECT_EQ(sink.body.find("usage"), std::string::npos);
}

TEST(Answer, IsATextCompletion) {
  ScriptedSource source({"a", "b"});
  CollectingSink sink;
  ASSERT_TRUE(ask(source, kCompletionsPath, R"({"model":"m","prompt":"say"})", sink));
  EXPECT_FALSE(source.generation.chat);
  EXPECT_EQ(source.generation.text, "say");
  EXPECT_EQ(sink.json()["object"], "text_completion");
  EXPECT_EQ(sink.json()["choices"][0]["text"], "ab");
  CollectingSink streamed;
  ASSERT_TRUE(ask(source, kCompletionsPath, R"({"model":"m","prompt":"say","stream":true})", streamed));
  EXPECT_EQ(streamed.stream()[1]["choices"][0]["text"], "b");
}

TEST(Answer, IsOllamas) {
  ScriptedSource source({"Hel", "lo"});
  CollectingSink chat;
  ASSERT_TRUE(ask(source, kOllamaChatPath, chat_body(), chat));
  EXPECT_EQ(chat.field("content-type"), "application/x-ndjson");
  const auto lines = chat.stream();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0]["message"]["content"], "Hel");
  EXPECT_EQ(lines[0]["done"], false);
  EXPECT_EQ(lines[0]["created_at"], "2023-11-14T22:13:20.123456789Z");
  EXPECT_EQ(lines[2]["done"], true);
  EXPECT_EQ(lines[2]["done_reason"], "stop");
  EXPECT_EQ(lines[2]["prompt_eval_count"], 7);
  EXPECT_EQ(lines[2]["eval_count"], 2);
  EXPECT_GT(lines[2]["eval_duration"], 0);
  EXPECT_EQ(lines[2]["total_duration"].get<int64_t>(),
            lines[2]["prompt_eval_duration"].get<int64_t>() + lines[2]["eval_duration"].get<int64_t>());

  CollectingSink generate;
  ASSERT_TRUE(ask(source, kOllamaGeneratePath, R"({"model":"m","prompt":"x","stream":false})", generate));
  EXPECT_EQ(generate.json()["response"], "Hello");
  EXPECT_EQ(generate.json()["eval_count"], 2);

  CollectingSink loaded;
  const auto usage = ask(source, kOllamaGeneratePath, R"({"model":"m"})", loaded);
  ASSERT_TRUE(usage);
  EXPECT_FALSE(*usage);
  EXPECT_EQ(loaded.json()["done_reason"], "load");
}

TEST(Answer, EndsAtALimit) {
  struct Case {
    const char* more;
    uint64_t room;
    uint64_t default_max;
    const char* content;
    const char* reason;
  };
  const Case cases[] = {
      {R"(,"max_tokens":2)", 100, 0, "ab", "length"},
      {R"(,"max_tokens":4)", 100, 0, "abcd", "length"},
      {R"(,"max_tokens":5)", 100, 0, "abcd", "stop"},
      {"", 3, 0, "abc", "length"},
      {"", 100, 1, "a", "length"},
      {R"(,"max_tokens":3)", 100, 1, "abc", "length"},
      {R"(,"stop":"bc")", 100, 0, "a", "stop"},
      {R"(,"stop":["dx"])", 100, 0, "abcd", "stop"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.more) + " room " + std::to_string(c.room));
    ScriptedSource source({"a", "b", "c", "d"});
    source.room_tokens = c.room;
    CollectingSink sink;
    ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(c.more), sink, c.default_max));
    EXPECT_EQ(sink.json()["choices"][0]["message"]["content"], c.content);
    EXPECT_EQ(sink.json()["choices"][0]["finish_reason"], c.reason);
  }
}

TEST(Answer, HasTheChancesOfItsTokens) {
  ScriptedSource source({"Hel", "\xE2\x82", "\xAC"});
  CollectingSink chat;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(R"(,"logprobs":true,"top_logprobs":2)"), chat));
  const json content = chat.json()["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 3U);
  EXPECT_EQ(content[0], json::parse(R"({"token":"Hel","logprob":0.0,"bytes":[72,101,108],
    "top_logprobs":[{"token":"top0","logprob":0.0,"bytes":[116,111,112,48]},{"token":"top1","logprob":-0.5,"bytes":[116,111,112,49]}]})"));
  EXPECT_EQ(content[1]["token"], R"(bytes:\xe2\x82)");
  EXPECT_EQ(content[1]["bytes"], json({0xE2, 0x82}));
  EXPECT_EQ(content[2]["logprob"], -2);
  EXPECT_EQ(chat.json()["choices"][0]["logprobs"]["refusal"], nullptr);

  CollectingSink completion;
  ASSERT_TRUE(ask(source, kCompletionsPath, R"({"model":"m","prompt":"say","logprobs":1})", completion));
  const json logprobs = completion.json()["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["tokens"], json({"Hel", R"(bytes:\xe2\x82)", R"(bytes:\xac)"}));
  EXPECT_EQ(logprobs["token_logprobs"], json({0.0, -1.0, -2.0}));
  EXPECT_EQ(logprobs["text_offset"], json({0, 3, 4}));
  EXPECT_EQ(logprobs["top_logprobs"][0], json({{"top0", 0.0}, {"Hel", 0.0}}));

  CollectingSink none;
  ASSERT_TRUE(ask(source, kCompletionsPath, R"({"model":"m","prompt":"say","logprobs":0})", none));
  EXPECT_EQ(none.json()["choices"][0]["logprobs"]["top_logprobs"], nullptr);
}

TEST(Answer, StreamsChancesWithTheTextTheyBelongTo) {
  ScriptedSource source({"a", "\xE2\x82", "\xAC", "<e", "", "nd>", "never"});
  CollectingSink sink;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(R"(,"stream":true,"logprobs":true,"stop":"<end>")"), sink));
  const auto chunks = sink.stream();
  ASSERT_EQ(chunks.size(), 4U) << sink.body;  // role, two texts, end
  EXPECT_EQ(chunks[0]["choices"][0]["logprobs"], nullptr);
  EXPECT_EQ(chunks[1]["choices"][0]["logprobs"]["content"].size(), 1U);
  EXPECT_EQ(chunks[2]["choices"][0]["delta"]["content"], "\u20ac");
  EXPECT_EQ(chunks[2]["choices"][0]["logprobs"]["content"].size(), 2U);
}

TEST(Answer, LeavesOutTheTokensOfAStopString) {
  const struct {
    std::vector<std::string> tokens;
    const char* stop;
    size_t kept;
  } cases[] = {{{"ab", "cd", "ef"}, "cd", 1},
               {{"ab", "cd", "ef"}, "d", 2},
               {{"ab", "cd", "ef"}, "ab", 0},
               {{"ab", "", "cd"}, "x", 3},
               {{"ab", "cd", ""}, "cdx", 3}};
  for (const auto& c : cases) {
    for (const bool stream : {false, true}) {
      SCOPED_TRACE(std::string(c.stop) + (stream ? " streamed" : ""));
      ScriptedSource source(c.tokens);
      CollectingSink sink;
      const std::string more =
          R"(,"logprobs":true,"stop":")" + std::string(c.stop) + "\"" + (stream ? R"(,"stream":true)" : "");
      ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(more), sink));
      size_t count = 0;
      for (const json& object : stream ? sink.stream() : std::vector<json>{sink.json()}) {
        const json& logprobs = object["choices"][0]["logprobs"];
        count += logprobs.is_null() ? 0 : logprobs["content"].size();
      }
      EXPECT_EQ(count, c.kept);
    }
  }
}

constexpr const char* kOneTool = R"(,"tools":[{"type":"function","function":{"name":"f"}}])";

TEST(Answer, CallsTools) {
  ScriptedSource source({"let me see\n", "call f ", "{\"a\":1}", "\ncall g {}"});
  CollectingSink whole;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(kOneTool), whole));
  const json choice = whole.json()["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  EXPECT_EQ(choice["message"]["content"], "let me see");
  ASSERT_EQ(choice["message"]["tool_calls"].size(), 2U);
  EXPECT_EQ(choice["message"]["tool_calls"][0]["type"], "function");
  EXPECT_EQ(choice["message"]["tool_calls"][0]["function"], json({{"name", "f"}, {"arguments", "{\"a\":1}"}}));
  EXPECT_NE(choice["message"]["tool_calls"][0]["id"], choice["message"]["tool_calls"][1]["id"]);

  CollectingSink streamed;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(std::string(kOneTool) + R"(,"stream":true)"), streamed));
  const auto chunks = streamed.stream();
  ASSERT_EQ(chunks.size(), 4U) << streamed.body;  // role, text, calls, end
  EXPECT_EQ(chunks[1]["choices"][0]["delta"]["content"], "let me see");
  const json calls = chunks[2]["choices"][0]["delta"]["tool_calls"];
  EXPECT_EQ(calls[1]["index"], 1);
  EXPECT_EQ(calls[1]["function"]["name"], "g");
  EXPECT_EQ(chunks[3]["choices"][0]["finish_reason"], "tool_calls");

  for (const bool stream : {false, true}) {
    CollectingSink ollama;
    ASSERT_TRUE(ask(source, kOllamaChatPath,
                    chat_body(std::string(kOneTool) + (stream ? R"(,"stream":true)" : R"(,"stream":false)")), ollama));
    const auto lines = ollama.stream();
    const json& with_calls = lines.at(stream ? 1 : 0);
    EXPECT_EQ(with_calls["message"]["tool_calls"][0]["function"]["arguments"]["a"], 1);
    EXPECT_EQ(lines.back()["done_reason"], "stop");
  }
}

TEST(Answer, CallsOneToolWhereOneIsAllowed) {
  ScriptedSource source({"call f {}\n", "call g {}"});
  CollectingSink sink;
  ASSERT_TRUE(
      ask(source, kChatCompletionsPath, chat_body(std::string(kOneTool) + R"(,"parallel_tool_calls":false)"), sink));
  ASSERT_EQ(sink.json()["choices"][0]["message"]["tool_calls"].size(), 1U);
  EXPECT_EQ(sink.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "f");
}

TEST(Answer, ThatWasCutDoesNotSayThatItEndedWithItsCalls) {
  ScriptedSource source({"call f {}\n", "call g {}\n", "END"});
  CollectingSink stopped;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(std::string(kOneTool) + R"(,"stop":"END")"), stopped));
  EXPECT_EQ(stopped.json()["choices"][0]["message"]["tool_calls"].size(), 2U);
  EXPECT_EQ(stopped.json()["choices"][0]["finish_reason"], "stop");
  CollectingSink limited;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(std::string(kOneTool) + R"(,"max_tokens":2)"), limited));
  EXPECT_EQ(limited.json()["choices"][0]["finish_reason"], "length");
}

// A source that reads an answer anew and finds something else than before.
class FickleSource : public ScriptedSource {
 public:
  FickleSource(std::string first, AnswerParts last)
      : ScriptedSource({"a", "b"}), first_(std::move(first)), last_(std::move(last)) {}
  AnswerParts parts_of(std::string_view, bool whole) const override { return whole ? last_ : AnswerParts{first_, {}}; }

 private:
  std::string first_;
  AnswerParts last_;
};

TEST(Answer, IsBrokenWhereWhatWasStreamedIsNoPartOfIt) {
  const std::string streamed = chat_body(std::string(kOneTool) + R"(,"stream":true)");
  for (const auto& [first, last] : {std::pair("some", "other"), std::pair("some", "so"), std::pair("some", "")}) {
    FickleSource source(first, {last, {}});
    CollectingSink sink;
    const auto usage = ask(source, kChatCompletionsPath, streamed, sink);
    ASSERT_FALSE(usage) << first << ", " << last;
    EXPECT_EQ(usage.error().code, kBroken);
    EXPECT_EQ(sink.body.find("[DONE]"), std::string::npos);
    EXPECT_TRUE(ask(source, kChatCompletionsPath, chat_body(kOneTool), sink)) << "nothing was sent before its end";
  }
  // Blanks before a call are no text that anybody misses.
  FickleSource blanks("so\n\n", {"so", {{"", "f", "{}"}}});
  CollectingSink sink;
  EXPECT_TRUE(ask(blanks, kChatCompletionsPath, streamed, sink));
  FickleSource rest("so", {"so be it", {}});
  CollectingSink whole;
  ASSERT_TRUE(ask(rest, kChatCompletionsPath, streamed, whole));
  EXPECT_EQ(whole.stream().at(2)["choices"][0]["delta"]["content"], " be it");
}

TEST(Answer, MayLeaveItsToolsAlone) {
  ScriptedSource source({"no ", "need\n"});
  CollectingSink sink;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(kOneTool), sink));
  EXPECT_EQ(sink.json()["choices"][0]["message"], json({{"role", "assistant"}, {"content", "no need"}}));
  EXPECT_EQ(sink.json()["choices"][0]["finish_reason"], "stop");
  ScriptedSource cut({"call f {", "}"});
  CollectingSink length;
  ASSERT_TRUE(ask(cut, kChatCompletionsPath, chat_body(std::string(kOneTool) + R"(,"max_tokens":1)"), length));
  EXPECT_EQ(length.json()["choices"][0]["finish_reason"], "length");
}

TEST(Answer, StreamsWholeCodePointsAndNothingOfAStopString) {
  ScriptedSource source({"\xE2\x82", "\xAC 1", "<e", "n", "d>", "never"});
  CollectingSink sink;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(R"(,"stream":true,"stop":["<end>"])"), sink));
  std::string all;
  for (const json& chunk : sink.stream()) {
    ASSERT_FALSE(chunk.is_discarded());
    all += chunk["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(all, "\u20ac 1");
}

TEST(Answer, RefusesInTheFormOfTheDialect) {
  ScriptedSource source({"x"});
  CollectingSink openai;
  const auto usage = ask(source, kChatCompletionsPath, chat_body(R"(,"best":3)"), openai);
  ASSERT_TRUE(usage);
  EXPECT_FALSE(*usage);
  EXPECT_EQ(openai.status, 400);
  EXPECT_EQ(openai.json()["error"]["param"], "best");
  EXPECT_EQ(openai.json()["error"]["code"], "unknown_parameter");
  EXPECT_EQ(openai.json()["error"]["type"], "invalid_request_error");

  CollectingSink ollama;
  ASSERT_TRUE(ask(source, kOllamaChatPath, chat_body(R"(,"best":3)"), ollama));
  EXPECT_EQ(ollama.status, 400);
  EXPECT_TRUE(ollama.json()["error"].is_string());

  CollectingSink unknown_model;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, R"({"model":"other","messages":[{"role":"user","content":"x"}]})",
                  unknown_model));
  EXPECT_EQ(unknown_model.status, 404);
  EXPECT_EQ(unknown_model.json()["error"]["code"], "model_not_found");

  CollectingSink unknown_path;
  ASSERT_TRUE(ask(source, "/v1/models", "{}", unknown_path));
  EXPECT_EQ(unknown_path.status, 404);
}

TEST(Answer, PassesOnWhatTheSourceRefuses) {
  ScriptedSource source({"x"});
  source.refusal = Refusal{400, "the prompt has 9 tokens", "messages", "context_length_exceeded"};
  CollectingSink sink;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(kStream), sink));
  EXPECT_EQ(sink.status, 400);
  EXPECT_EQ(sink.json()["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(sink.heads, 1);
}

TEST(Answer, RefusesAPromptBeyondOllamasContext) {
  ScriptedSource source({"a", "b", "c"});
  CollectingSink too_small;
  ASSERT_TRUE(ask(source, kOllamaChatPath, chat_body(R"(,"options":{"num_ctx":7})"), too_small));
  EXPECT_EQ(too_small.status, 400);
  CollectingSink one_left;
  ASSERT_TRUE(ask(source, kOllamaChatPath, chat_body(R"(,"stream":false,"options":{"num_ctx":8})"), one_left));
  EXPECT_EQ(one_left.json()["message"]["content"], "a");
  EXPECT_EQ(one_left.json()["done_reason"], "length");
}

TEST(Answer, FailsWhenTheSourceBreaks) {
  for (const int at : {0, 1, 2}) {
    ScriptedSource source({"a", "b", "c"});
    source.break_at = at;
    CollectingSink sink;
    const auto got = ask(source, kChatCompletionsPath, chat_body(kStream), sink);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, kBroken);
    EXPECT_EQ(sink.body.find("[DONE]"), std::string::npos);
  }
}

TEST(Answer, StopsAtTheFirstFailureOfTheSink) {
  for (const std::string& more : {std::string(), std::string(kStream)}) {
    for (const std::string_view path : {kChatCompletionsPath, kOllamaChatPath}) {
      const std::string body = path == kOllamaChatPath ? chat_body() : chat_body(more);
      for (int at = 0;; ++at) {
        ScriptedSource source({"a", "b"});
        CollectingSink sink;
        sink.fail_at = at;
        const auto got = ask(source, path, body, sink);
        if (got) {
          EXPECT_EQ(sink.calls, at);
          break;
        }
        EXPECT_EQ(got.error().code, kSinkClosed);
        EXPECT_EQ(sink.calls, at + 1);  // no call after the one that failed
      }
    }
  }
}

// The counts in an answer are those that the engine reports: who reads the one or the other pays the same.
TEST(Answer, IsCountedByOthersAsByOurselves) {
  for (const std::string_view path : {kChatCompletionsPath, kCompletionsPath, kOllamaChatPath, kOllamaGeneratePath}) {
    const bool is_chat = path == kChatCompletionsPath || path == kOllamaChatPath;
    const std::string asked = is_chat ? R"("messages":[{"role":"user","content":"hi"}])" : R"("prompt":"hi")";
    for (const bool stream : {false, true}) {
      SCOPED_TRACE(std::string(path) + (stream ? " streamed" : ""));
      const std::string_view streamed = path.starts_with("/v1/") ? kStream : R"(,"stream":true)";
      const std::string_view more = stream ? streamed : R"(,"stream":false)";
      ScriptedSource source({"a\n{", "}\n"});
      CollectingSink sink;
      const auto usage = ask(source, path, R"({"model":"m",)" + asked + std::string(more) + "}", sink);
      ASSERT_TRUE(usage && *usage);
      CountedAnswer counted(path);
      counted.feed(as_bytes(sink.body));
      EXPECT_EQ(counted.finish(), *usage);
    }
  }
}

// What the node counts for billing: the last line that is not [DONE] (confidentcompute computeworker/service.go).
TEST(Answer, EndsWithTheCounts) {
  ScriptedSource source({"a"});
  CollectingSink whole;
  ASSERT_TRUE(ask(source, kChatCompletionsPath, chat_body(), whole));
  EXPECT_EQ(whole.body.find('\n'), std::string::npos);
  CollectingSink ollama;
  ASSERT_TRUE(ask(source, kOllamaGeneratePath, R"({"model":"m","prompt":"x"})", ollama));
  EXPECT_TRUE(ollama.stream().back().contains("prompt_eval_count"));
}

}  // namespace
}  // namespace openpcc::engine
