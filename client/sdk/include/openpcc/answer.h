// openpcc/answer.h - the text of a model's answer, out of the shapes in which engines send it.
//
// Understands OpenAI's chat and text completions, streamed (SSE, or one JSON a line) and whole, and Ollama's chat and
// generate, streamed (one JSON a line) and whole. Anything else is handed on as it came. Incremental: feed() returns
// what is to be shown next. One object for one answer, one thread.
//
// An answer that was opened whole may still be half of one: the model's server may have failed under it. fault() says
// so.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace openpcc {

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
};

enum class AnswerShape { kUndecided, kOpenAi, kOllama, kAsItCame };
[[nodiscard]] std::string_view answer_shape_name(AnswerShape shape);

enum class AnswerFault {
  kNone,
  kCut,          // a stream that ended without a reason for its end, nor "[DONE]"
  kError,        // the engine says that it failed: fault_message(). Nothing behind that is text
  kEndlessLine,  // of a stream, too long to be an event. Nothing of it is text, nor what follows
};

class AnswerReader {
 public:
  // `content_type` as the node sent it, parameters allowed; empty when it sent none.
  explicit AnswerReader(std::string_view content_type);
  AnswerReader(AnswerReader&&) noexcept;
  AnswerReader& operator=(AnswerReader&&) noexcept;
  ~AnswerReader();

  // Text to show now; may be empty.
  [[nodiscard]] std::string feed(std::string_view bytes);
  // What was still held back. Call once, only when the answer came whole.
  [[nodiscard]] std::string finish();

  [[nodiscard]] AnswerShape shape() const;
  [[nodiscard]] const std::string& text() const;  // everything returned so far
  [[nodiscard]] std::optional<Usage> usage() const;
  [[nodiscard]] const std::string& finish_reason() const;  // "stop", "length", …; empty when none was given
  // Final after finish(). With any but kNone the text is not the whole answer.
  [[nodiscard]] AnswerFault fault() const;
  [[nodiscard]] const std::string& fault_message() const;  // the engine's own words, where it had any

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace openpcc
