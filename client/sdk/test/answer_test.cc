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

constexpr const char* kEvents = "text/event-stream";
constexpr const char* kLines = "application/x-ndjson";

TEST(AnswerReader, AnErrorEndsTheAnswerAndIsNoText) {
  const std::string before = "data: {\"choices\":[{\"delta\":{\"content\":\"So\"}}]}\n\n";
  const std::string after = "data: {\"choices\":[{\"delta\":{\"content\":\"me\"},\"finish_reason\":\"stop\"}]}\n\n";
  const struct {
    const char* type;
    std::string bytes;
    const char* text;
    const char* message;
  } rows[] = {
      {kEvents, before + "data: {\"error\":{\"message\":\"out of memory\"}}\n\n" + after, "So", "out of memory"},
      {kEvents, before + "data: {\"error\":\"oops\"}\n\ndata: [DONE]\n\n", "So", "oops"},
      {kEvents, before + "data: {\"error\":{\"code\":500},\"choices\":[{\"delta\":{\"content\":\"x\"}}]}", "So", ""},
      {kEvents, "event: error\ndata: {\"error\":{\"message\":\"no\"}}\n\n", "", "no"},
      {kLines, "{\"response\":\"So\",\"done\":false}\n{\"error\":\"killed\"}\n", "So", "killed"},
      {"application/json", "{\"error\":{\"message\":\"no\"}}", "", "no"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.bytes);
    const auto answer = read(row.type, row.bytes);
    EXPECT_EQ(answer.text(), row.text);
    EXPECT_EQ(answer.fault(), AnswerFault::kError);
    EXPECT_EQ(answer.fault_message(), row.message);
  }
  EXPECT_EQ(read(kEvents, after + "data: {\"choices\":[],\"error\":null}\n\n").fault(), AnswerFault::kNone);
}

TEST(AnswerReader, AStreamThatDoesNotSayThatItEndsIsCut) {
  const std::string begun = "data: {\"choices\":[{\"delta\":{\"content\":\"So\"},\"finish_reason\":null}]}\n\n";
  const auto fault = [](const char* type, const std::string& bytes) { return read(type, bytes).fault(); };
  EXPECT_EQ(fault(kEvents, begun), AnswerFault::kCut);
  EXPECT_EQ(read(kEvents, begun).text(), "So");
  EXPECT_EQ(fault(kEvents, begun + "data: [DO"), AnswerFault::kCut);
  EXPECT_EQ(fault(kEvents, begun + "data: [DONE]"), AnswerFault::kNone);
  EXPECT_EQ(fault(kEvents, begun + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n"),
            AnswerFault::kNone);
  EXPECT_EQ(
      fault(kEvents, begun + "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{}]},\"finish_reason\":\"stop\"}]}\n"),
      AnswerFault::kNone)
      << "shown as it came, and an end all the same";
  EXPECT_EQ(fault(kEvents, begun + "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n"), AnswerFault::kCut);
  EXPECT_EQ(fault(kEvents, ": still waiting\n\n"), AnswerFault::kCut);
  EXPECT_EQ(fault(kEvents, ""), AnswerFault::kCut);
  EXPECT_EQ(fault(kLines, "{\"response\":\"So\",\"done\":false}\n"), AnswerFault::kCut);
  EXPECT_EQ(fault(kLines, "{\"response\":\"So\",\"done\":true}\n"), AnswerFault::kNone);
  // What is shown as it came has an end that nobody here knows; what is whole has one of its own.
  EXPECT_EQ(fault(kEvents, "data: {\"type\":\"text\"}\n\n"), AnswerFault::kNone);
  EXPECT_EQ(fault(kLines, "{\"a\":1}\n"), AnswerFault::kNone);
  EXPECT_EQ(fault("application/json", R"({"choices":[{"index":0,"text":"plain"}]})"), AnswerFault::kNone);
  EXPECT_EQ(fault("text/plain", "text"), AnswerFault::kNone);
}

TEST(AnswerReader, ALastLineWithoutItsEndCounts) {
  EXPECT_EQ(read("application/x-ndjson", "{\"response\":\"Hi\",\"done\":true}").text(), "Hi");
}

TEST(AnswerReader, AnEndlessLineIsNoText) {
  const std::string mebibyte(1 << 20, 'x');
  for (const std::string before : {"", "data: {\"choices\":[{\"delta\":{\"content\":\"So\"}}]}\n"}) {
    for (const std::string after : {"y", "y\n", "y\ndata: [DONE]\n\n"}) {
      const auto answer = read(kEvents, before + mebibyte + after);
      EXPECT_EQ(answer.text(), before.empty() ? "" : "So");
      EXPECT_EQ(answer.fault(), AnswerFault::kEndlessLine);
    }
  }
  const std::string content((1 << 20) - 100, 'x');
  const auto longest =
      read(kEvents, "data: {\"choices\":[{\"delta\":{\"content\":\"" + content + "\"}}]}\ndata: [DONE]\n");
  EXPECT_EQ(longest.text(), content);
  EXPECT_EQ(longest.fault(), AnswerFault::kNone);
}

TEST(AnswerReader, AnEndlessDocumentIsNotHeldBackForEver) {
  const std::string mebibyte(1 << 20, 'x');
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
