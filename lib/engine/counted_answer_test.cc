#include "engine/counted_answer.h"

#include <gtest/gtest.h>

namespace openpcc::engine {
namespace {

constexpr std::string_view kChat = kChatCompletionsPath, kText = kCompletionsPath, kOllama = kOllamaChatPath,
                           kGenerate = kOllamaGeneratePath;

std::string text_of(const std::optional<Usage>& usage) {
  if (!usage) return "none";
  return std::to_string(usage->input_tokens) + "/" + std::to_string(usage->output_tokens);
}

std::string counted(std::string_view path, std::string_view answer, size_t piece = SIZE_MAX) {
  CountedAnswer counter(path);
  for (ByteView rest = as_bytes(answer); !rest.empty();) {
    const ByteView part = rest.first(std::min(piece, rest.size()));
    counter.feed(part);
    rest = rest.subspan(part.size());
  }
  return text_of(counter.finish());
}

TEST(CountedAnswer, TakesTheLineThatTheOfficialWorkerTakes) {
  const struct {
    const char* name;
    std::string_view path;
    std::string answer;
    const char* usage;
  } rows[] = {
      {"whole", kChat, R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}})", "7/2"},
      {"whole, line end", kText, "{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n", "7/2"},
      {"stream", kChat,
       "data: {\"choices\":[1]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n"
       "data: [DONE]\n\n",
       "7/2"},
      {"stream, CR LF", kText,
       "data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":3}}\r\n\r\ndata: [DONE]\r\n", "1/3"},
      {"the last of two", kChat,
       "data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n"
       "data: {\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":5}}\n",
       "2/5"},
      {"the last has none", kChat,
       "data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\ndata: {\"choices\":[]}\n", "none"},
      {"comments and blanks", kChat, "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n: ping\n  \nx}\n{y\n",
       "1/1"},
      {"no blank behind data:", kChat, "data:{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n", "none"},
      {"several lines of JSON", kChat, "{\n\"usage\":{\"prompt_tokens\":1,\n\"completion_tokens\":1}\n}\n", "none"},
      {"empty", kChat, "", "none"},
      {"[DONE] alone", kChat, "data: [DONE]\n\n", "none"},
      {"plain text", kText, "sorry", "none"},
      {"null usage", kChat, R"({"usage":null})", "none"},
      {"usage of another type", kChat, R"({"usage":[1]})", "none"},
      {"one count", kChat, R"({"usage":{"prompt_tokens":1}})", "none"},
      {"text count", kChat, R"({"usage":{"prompt_tokens":1,"completion_tokens":"1"}})", "none"},
      {"negative count", kChat, R"({"usage":{"prompt_tokens":1,"completion_tokens":-1}})", "none"},
      {"count beyond reason", kChat, R"({"usage":{"prompt_tokens":1,"completion_tokens":1e300}})", "none"},
      {"Ollama's counts in an OpenAI answer", kText, R"({"prompt_eval_count":1,"eval_count":4})", "none"},
      {"Ollama whole", kGenerate, R"({"done":true,"prompt_eval_count":3,"eval_count":4})", "3/4"},
      {"Ollama stream", kOllama, "{\"done\":false}\n{\"done\":true,\"prompt_eval_count\":3,\"eval_count\":4}\n", "3/4"},
      {"Ollama, blank last line", kOllama, "{\"prompt_eval_count\":3,\"eval_count\":4}\n\n", "none"},
      {"Ollama, counts not last", kOllama, "{\"prompt_eval_count\":3,\"eval_count\":4}\n{\"done\":true}\n", "none"},
      {"Ollama, model loaded", kOllama, R"({"done":true,"done_reason":"load"})", "none"},
      {"Ollama, no JSON", kGenerate, "oops", "none"},
      {"Ollama, empty", kGenerate, "", "none"},
      {"Ollama, no event prefix", kGenerate, R"(data: {"prompt_eval_count":3,"eval_count":4})", "none"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(counted(row.path, row.answer), row.usage);
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}})
      EXPECT_EQ(counted(row.path, row.answer, piece), row.usage);
  }
}

TEST(CountedAnswer, KeepsNoLineThatIsTooLong) {
  const std::string counts = R"({"usage":{"prompt_tokens":1,"completion_tokens":2}})";
  const std::string long_line = "{" + std::string(CountedAnswer::kMaxLine, ' ') + "}";
  EXPECT_EQ(counted(kChat, counts + "\n" + long_line), "none");
  EXPECT_EQ(counted(kChat, counts + "\n" + long_line, 65536), "none");
  EXPECT_EQ(counted(kChat, long_line + "\n" + counts), "1/2");
}

}  // namespace
}  // namespace openpcc::engine
