// chat_prompt.h - makes a conversation into tokens so that text stays text.
//
// A template writes control tokens ("<|eot_id|>") around the messages. A message that contains such text must not be
// able to end its turn and speak in another's name, so control tokens are recognised only where the template itself
// wrote them: libllama's template engine tells which parts of its output came from the messages. Everything between two
// control tokens is tokenised together, which gives, for messages without such text, exactly the tokens of the usual
// way (render, then tokenise all with special tokens on).
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/generation.h"

struct llama_vocab;

namespace openpcc::engine {

class ChatPrompt {
 public:
  // Reads the template. `vocab` must outlive this.
  [[nodiscard]] static Result<std::unique_ptr<ChatPrompt>> create(const llama_vocab* vocab,
                                                                  std::string_view chat_template);
  ~ChatPrompt();
  ChatPrompt(const ChatPrompt&) = delete;
  ChatPrompt& operator=(const ChatPrompt&) = delete;

  // `now` is what templates that write a date write. Refuses what the template refuses. Tools, and what messages say of
  // them, are the user's text like all else. `expected`: what llama.cpp's own way renders, with tools; a template for
  // which it changes the messages first is refused, for then this here would tell the model something else.
  [[nodiscard]] Accepted<std::vector<int32_t>> tokens(const std::vector<Message>& messages, std::time_t now,
                                                      const std::vector<Tool>& tools = {},
                                                      const std::string* expected = nullptr) const;

 private:
  struct State;
  explicit ChatPrompt(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Text that is no conversation: control tokens in it are text, and the model's begin token, if it wants one, is added.
[[nodiscard]] std::vector<int32_t> tokenize_text(const llama_vocab* vocab, std::string_view text);

}  // namespace openpcc::engine
