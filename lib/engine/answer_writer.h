// answer_writer.h - writes an answer in one of the four formats, whole or streamed. Internal to api.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/api_request.h"
#include "engine/engine.h"
#include "engine/token_chances.h"

namespace openpcc::engine {

enum class Finish { kStop, kLength, kToolCalls };

struct AnswerHead {
  Dialect dialect = Dialect::kChat;
  std::string model;
  std::string id;  // random part of OpenAI's id
  int64_t unix_nanoseconds = 0;
  bool stream = false;
  bool include_usage = false;
  std::optional<uint32_t> top_logprobs = {};  // nothing: no log-probabilities are asked for
};

struct Durations {  // nanoseconds, as Ollama reports them
  int64_t total = 0;
  int64_t prompt = 0;
  int64_t answer = 0;
};

class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  [[nodiscard]] virtual Status begin() = 0;  // once, first
  // Any number of times. `tokens`: those that end in this text, where their chances are asked for.
  [[nodiscard]] virtual Status text(std::string_view utf8, const std::vector<TokenEntry>& tokens) = 0;
  // Once, after all text, where the answer calls tools.
  [[nodiscard]] virtual Status tool_calls(const std::vector<ToolCall>& calls) = 0;
  [[nodiscard]] virtual Status finish(Finish reason, const Usage& usage, const Durations& durations) = 0;
};

[[nodiscard]] std::unique_ptr<AnswerWriter> make_openai_writer(AnswerHead head, ResponseSink& sink);
[[nodiscard]] std::unique_ptr<AnswerWriter> make_ollama_writer(AnswerHead head, ResponseSink& sink);

// A refusal as a complete answer, in the form that clients of the dialect expect.
[[nodiscard]] Status write_refusal(Dialect dialect, const Refusal& refusal, ResponseSink& sink);
// Ollama's answer to a request without a prompt.
[[nodiscard]] Status write_loaded(const AnswerHead& head, ResponseSink& sink);

// 200 with a body of known length.
[[nodiscard]] Status write_json(int status, std::string_view body, ResponseSink& sink);

}  // namespace openpcc::engine
