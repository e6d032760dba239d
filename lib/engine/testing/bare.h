// bare.h - the bare library, for comparison: what llama.cpp's own functions make of a conversation, none of ours in
// between.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace openpcc::engine {

struct BareAnswer {
  std::vector<int32_t> prompt;  // rendered by common_chat_templates_apply, tokenised whole with special tokens on
  std::vector<int32_t> tokens;
  std::string text;
  double first_token_ms = 0;  // from the rendered prompt to the first token
  double tokens_per_second = 0;
};

// Always the most probable token. Throws std::runtime_error: for tests only.
BareAnswer ask_bare_library(const std::string& model_path,
                            const std::vector<std::pair<std::string, std::string>>& messages, int max_tokens,
                            int threads);

// The tokens of a text, no special ones among them. Throws std::runtime_error.
std::vector<int32_t> tokens_of_bare_library(const std::string& model_path, const std::string& text);

}  // namespace openpcc::engine
