// prompt.h - a conversation as the body of POST /v1/chat/completions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace openpcc::cli {

inline constexpr ErrorCode kBadPrompt{"pcc.bad_prompt"};  // empty, too large, or no UTF-8: wrong usage

struct Message {
  std::string role;  // system, user, assistant
  std::string content;
};

struct Sampling {
  std::optional<int64_t> max_tokens, seed;
  std::optional<double> temperature;
};

[[nodiscard]] Result<std::string> chat_body(const std::string& model, const std::vector<Message>& messages,
                                            const Sampling& sampling, bool stream);

// All of standard input as one prompt, without a line end at its end. No more than a node takes is read.
[[nodiscard]] Result<std::string> read_prompt_from_stdin();

}  // namespace openpcc::cli
