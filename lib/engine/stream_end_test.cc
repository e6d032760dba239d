#include "engine/stream_end.h"

#include <gtest/gtest.h>

namespace openpcc::engine {
namespace {

bool ends(std::string_view path, std::string_view answer) {
  StreamEnd whole(path);
  whole.feed(as_bytes(answer));
  StreamEnd by_byte(path);
  for (const char& c : answer) by_byte.feed(as_bytes({&c, 1}));
  const bool seen = whole.seen();
  EXPECT_EQ(by_byte.seen(), seen) << answer;
  return seen;
}

TEST(StreamEnd, IsDoneForOpenAi) {
  const std::string begun = "data: {\"choices\":[{\"delta\":{\"content\":\"[DONE]\"},\"finish_reason\":null}]}\n\n";
  for (const std::string_view path : {kChatCompletionsPath, kCompletionsPath}) {
    EXPECT_TRUE(ends(path, begun + "data: [DONE]\n\n"));
    EXPECT_TRUE(ends(path, begun + "data:[DONE]\r\n\r\n"));
    EXPECT_TRUE(ends(path, begun + "data: [DONE]")) << "without the end of its line";
    EXPECT_TRUE(ends(path, begun + "data: {\"error\":{\"message\":\"oom\"}}\n\n"));
    EXPECT_FALSE(ends(path, ""));
    EXPECT_FALSE(ends(path, begun));
    EXPECT_FALSE(ends(path, begun + "data: [DON"));
    EXPECT_FALSE(ends(path, begun + ": [DONE]\n"));
    EXPECT_FALSE(ends(path, begun + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"));
    EXPECT_FALSE(ends(path, "data: {\"choices\":[],\"error\":null}\n\n"));
    EXPECT_FALSE(ends(path, "{\"done\":true}\n"));
  }
}

TEST(StreamEnd, IsDoneForOllama) {
  for (const std::string_view path : {kOllamaChatPath, kOllamaGeneratePath}) {
    EXPECT_TRUE(ends(path, "{\"response\":\"a\",\"done\":false}\n{\"response\":\"\",\"done\":true}\n"));
    EXPECT_TRUE(ends(path, "{\"response\":\"\",\"done\":true}"));
    EXPECT_TRUE(ends(path, "{\"error\":\"killed\"}\n"));
    EXPECT_FALSE(ends(path, "{\"response\":\"\\\"done\\\":true\",\"done\":false}\n"));
    EXPECT_FALSE(ends(path, "{\"message\":{\"done\":true}}\n"));
    EXPECT_FALSE(ends(path, "data: [DONE]\n"));
    EXPECT_FALSE(ends(path, "{\"error\":\"\"}\n"));
  }
}

TEST(StreamEnd, IsNotLookedForInEndlessLines) {
  const std::string line = "{\"response\":\"" + std::string(StreamEnd::kMaxLine, 'x') + "\",\"done\":true}\n";
  StreamEnd end(kOllamaChatPath);
  end.feed(as_bytes(line));
  EXPECT_FALSE(end.seen());
  end.feed(as_bytes("{\"done\":true}\n"));
  EXPECT_TRUE(end.seen());
}

TEST(StreamEnd, IsAskedOfStreamsOnly) {
  const auto is = [](std::string_view path, std::string_view body, std::string_view type) {
    return is_stream({.path = path, .body = as_bytes(body)}, type);
  };
  EXPECT_TRUE(is(kChatCompletionsPath, R"({"stream":true})", "text/event-stream; charset=utf-8"));
  EXPECT_FALSE(is(kChatCompletionsPath, R"({"stream":true})", "application/json")) << "the server answers whole";
  EXPECT_FALSE(is(kChatCompletionsPath, R"({"stream":true})", "text/plain"));
  EXPECT_FALSE(is(kChatCompletionsPath, R"({"stream":true})", ""));
  EXPECT_FALSE(is(kChatCompletionsPath, R"({"stream":false})", "text/event-stream"));
  EXPECT_FALSE(is(kChatCompletionsPath, "{}", "text/event-stream"));
  EXPECT_FALSE(is(kChatCompletionsPath, "no JSON", "text/event-stream"));
  EXPECT_TRUE(is(kOllamaChatPath, "{}", "application/x-ndjson")) << "Ollama's default";
  EXPECT_TRUE(is(kOllamaGeneratePath, R"({"stream":null})", "application/x-ndjson"));
  EXPECT_FALSE(is(kOllamaChatPath, R"({"stream":false})", "application/x-ndjson"));
}

}  // namespace
}  // namespace openpcc::engine
