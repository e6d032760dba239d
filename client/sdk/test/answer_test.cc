#include "openpcc/answer.h"

#include <gtest/gtest.h>

namespace openpcc {
namespace {

// Fed whole and byte by byte; both must show the same.
AnswerReader read(std::string_view type, std::string_view bytes) {
  AnswerReader whole(type);
  std::string shown = whole.feed(bytes);
  shown += whole.finish();
  AnswerReader by_byte(type);
  std::string slowly;
  for (const char c : bytes) slowly += by_byte.feed({&c, 1});
  slowly += by_byte.finish();
  EXPECT_EQ(shown, slowly);
  EXPECT_EQ(shown, whole.text());
  return whole;
}

TEST(AnswerReader, ReadsAnOpenAiStream) {
  const auto answer =
      read("text/event-stream; charset=utf-8",
           "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
           ": a comment\n\n"
           "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"},\"finish_reason\":null}]}\r\n\r\n"
           "data:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\\n\\u00e9\"}}]}\n\n"
           "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n"
           "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n"
           "data: [DONE]\n\n");
  EXPECT_EQ(answer.shape(), AnswerShape::kOpenAi);
  EXPECT_EQ(answer.text(), "Hello\n\u00e9");
  EXPECT_EQ(answer.finish_reason(), "length");
  ASSERT_TRUE(answer.usage());
  EXPECT_EQ(answer.usage()->prompt_tokens, 7);
  EXPECT_EQ(answer.usage()->completion_tokens, 2);
}

TEST(AnswerReader, ShowsEachPieceWhenItComes) {
  AnswerReader answer("text/event-stream");
  EXPECT_EQ(answer.feed("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"), "");
  EXPECT_EQ(answer.feed("\n"), "a");
  EXPECT_EQ(answer.feed("\ndata: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n"), "b");
}

TEST(AnswerReader, ReadsWholeOpenAiAnswers) {
  const auto chat = read("application/json", R"({"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},
      "finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}})");
  EXPECT_EQ(chat.shape(), AnswerShape::kOpenAi);
  EXPECT_EQ(chat.text(), "Hi");
  EXPECT_EQ(chat.finish_reason(), "stop");
  EXPECT_EQ(chat.usage()->completion_tokens, 2);
  EXPECT_EQ(read("application/json", R"({"choices":[{"index":0,"text":"plain"}]})").text(), "plain");
  // The official noop answer: one whole chat completion on a line of its own.
  const auto noop = read("application/x-ndjson",
                         "{\"id\":\"chatcmpl-noop\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                         "\"content\":\"noop\"},\"finish_reason\":\"stop\"}]}\n");
  EXPECT_EQ(noop.shape(), AnswerShape::kOpenAi);
  EXPECT_EQ(noop.text(), "noop");
}

TEST(AnswerReader, ReadsOllamaAnswers) {
  const auto chat =
      read("application/x-ndjson",
           "{\"message\":{\"role\":\"assistant\",\"content\":\"He\"},\"done\":false}\n"
           "{\"message\":{\"role\":\"assistant\",\"content\":\"llo\"},\"done\":false}\n"
           "{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\","
           "\"prompt_eval_count\":3,\"eval_count\":2}\n");
  EXPECT_EQ(chat.shape(), AnswerShape::kOllama);
  EXPECT_EQ(chat.text(), "Hello");
  EXPECT_EQ(chat.finish_reason(), "stop");
  EXPECT_EQ(chat.usage()->prompt_tokens, 3);
  const auto generate = read("application/json", R"({"response":"Hi","done":true,"eval_count":1})");
  EXPECT_EQ(generate.shape(), AnswerShape::kOllama);
  EXPECT_EQ(generate.text(), "Hi");
}

TEST(AnswerReader, AnyOtherShapeIsShownAsItCame) {
  const std::pair<const char*, const char*> kCases[] = {
      {"text/plain", "just text"},
      {"", "\x01\x02 bytes"},
      {"application/json", "{\"candidates\":[{\"content\":\"x\"}]}"},
      {"application/json", "not json"},
      {"application/json", "[1,2,3]"},
      {"application/json", ""},
      {"text/event-stream", ": hello\n\nevent: delta\ndata: {\"type\":\"text\",\"text\":\"x\"}\n\nrest"},
      {"text/event-stream", "no event at all"},
      {"text/event-stream", ": nothing but\n\n"},
      {"application/x-ndjson", "{\"a\":1}\n{\"b\":2}\n"},
      {"application/x-ndjson", "{\"message\":{\"content\":\"x\"}}\n"},
      // Known shapes that hold something else than text.
      {"application/json", R"({"choices":[{"message":{"content":null,"tool_calls":[{"id":"1"}]}}]})"},
      {"application/json", R"({"choices":[{"index":0,"text":"a"},{"index":1,"text":"b"}]})"},
      {"application/json", R"({"choices":[{"message":{"content":[{"type":"text","text":"x"}]}}]})"},
  };
  for (const auto& [type, bytes] : kCases) {
    SCOPED_TRACE(bytes);
    const auto answer = read(type, bytes);
    EXPECT_EQ(answer.text(), bytes);
    EXPECT_EQ(answer.shape(), AnswerShape::kAsItCame);
  }
}

TEST(AnswerReader, AnErrorInMidStreamIsShown) {
  const auto answer = read("text/event-stream",
                           "data: {\"choices\":[{\"delta\":{\"content\":\"So\"}}]}\n\n"
                           "data: {\"error\":{\"message\":\"out of memory\"}}\n\n"
                           "data: {\"choices\":[{\"delta\":{\"content\":\"me\"}}]}\n\n");
  EXPECT_EQ(answer.text(), "Sodata: {\"error\":{\"message\":\"out of memory\"}}\nme");
}

TEST(AnswerReader, ALastLineWithoutItsEndCounts) {
  EXPECT_EQ(read("application/x-ndjson", "{\"response\":\"Hi\",\"done\":true}").text(), "Hi");
}

TEST(AnswerReader, EndlessLinesAndDocumentsAreNotHeldBackForEver) {
  AnswerReader lines("text/event-stream");
  const std::string mebibyte(1 << 20, 'x');
  EXPECT_EQ(lines.feed(mebibyte), "");
  EXPECT_EQ(lines.feed("y").size(), mebibyte.size() + 1);
  EXPECT_EQ(lines.feed("z"), "z");
  AnswerReader document("application/json");
  size_t shown = 0;
  for (int i = 0; i < 17; ++i) shown += document.feed(mebibyte).size();
  EXPECT_EQ(shown, 17 * mebibyte.size());
}

TEST(AnswerReader, DeepJsonDoesNotExhaustTheStack) {
  std::string deep = "{\"choices\":";
  deep.append(1'000'000, '[');
  EXPECT_EQ(read("application/json", deep).text().size(), deep.size());
  std::string closed = "{\"choices\":" + std::string(500'000, '[') + std::string(500'000, ']') + "}";
  EXPECT_EQ(read("application/json", closed).text().size(), closed.size());
}

}  // namespace
}  // namespace openpcc
