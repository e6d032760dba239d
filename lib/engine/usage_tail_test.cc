#include "engine/usage_tail.h"

#include <gtest/gtest.h>

namespace openpcc::engine {
namespace {

struct Case {
  const char* name;
  std::string path;
  std::string answer;
  std::optional<Usage> want;
};

const std::string kChat = std::string(kChatCompletionsPath);
const std::string kOllama = std::string(kOllamaChatPath);

std::vector<Case> cases() {
  const std::string usage = R"({"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":12}})";
  const std::string ollama = R"({"done":true,"prompt_eval_count":5,"eval_count":7})";
  return {
      {"whole answer", kChat, usage, Usage{3, 12}},
      {"stream", kChat, "data: {\"choices\":[]}\n\ndata: " + usage + "\n\ndata: [DONE]\n\n", Usage{3, 12}},
      {"stream with carriage returns", kChat, "data: " + usage + "\r\n\r\ndata: [DONE]\r\n", Usage{3, 12}},
      {"the last object counts", kChat, "data: " + usage + "\ndata: {\"usage\":null}\n", std::nullopt},
      {"no usage", kChat, R"({"choices":[]})", std::nullopt},
      {"a count is missing", kChat, R"({"usage":{"prompt_tokens":3}})", std::nullopt},
      {"a count is no number", kChat, R"({"usage":{"prompt_tokens":"3","completion_tokens":12}})", std::nullopt},
      {"a count is negative", kChat, R"({"usage":{"prompt_tokens":3,"completion_tokens":-12}})", std::nullopt},
      {"a count is broken", kChat, R"({"usage":{"prompt_tokens":3,"completion_tokens":1.5}})", std::nullopt},
      {"a count is no count any more", kChat, R"({"usage":{"prompt_tokens":3,"completion_tokens":1e300}})",
       std::nullopt},
      {"whole as a decimal", kChat, R"({"usage":{"prompt_tokens":3.0,"completion_tokens":12}})", Usage{3, 12}},
      {"plain text", kChat, "hello\n", std::nullopt},
      {"JSON over several lines", kChat, "{\n\"usage\":{}\n}\n", std::nullopt},
      {"an object that is none", kChat, "{\"usage\":}", std::nullopt},
      {"nothing", kChat, "", std::nullopt},
      {"Ollama", kOllama, "{\"done\":false}\n" + ollama + "\n", Usage{5, 7}},
      {"Ollama, without an end of line", kOllama, "{\"done\":false}\n" + ollama, Usage{5, 7}},
      {"Ollama, a blank last line", kOllama, ollama + "\n\n", std::nullopt},
      {"Ollama, the counts elsewhere", kOllama, usage, std::nullopt},
      {"an array", kOllama, "[1]", std::nullopt},
      {"too long a line", kChat, usage + "\n{" + std::string(UsageTail::kMaxLine, ' ') + "}\n", std::nullopt},
      {"a line after one too long", kChat, "{" + std::string(UsageTail::kMaxLine, ' ') + "}\n" + usage, Usage{3, 12}},
  };
}

TEST(UsageTail, CountsAreThoseOfTheLastLine) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    UsageTail whole(c.path);
    whole.feed(as_bytes(c.answer));
    EXPECT_EQ(whole.finish(), c.want);
    if (c.answer.size() > 1000) continue;
    for (const size_t step : {1U, 2U, 7U}) {
      UsageTail pieces(c.path);
      for (size_t at = 0; at < c.answer.size(); at += step)
        pieces.feed(as_bytes(c.answer).subspan(at, std::min(step, c.answer.size() - at)));
      EXPECT_EQ(pieces.finish(), c.want) << step;
    }
  }
}

}  // namespace
}  // namespace openpcc::engine
