// bare.h - the bare library, for comparison: what llama.cpp's own functions make of a conversation, none of ours in
// between.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace openpcc::engine {

// As llama.cpp's own sampler (common/sampling.h) understands them.
struct BareSampling {
  float frequency_penalty = 0;
  float presence_penalty = 0;
  float repetition_penalty = 1;  // over the prompt, too
  std::vector<std::pair<int32_t, float>> logit_bias = {};
};

struct BareAnswer {
  std::vector<int32_t> prompt;  // rendered by common_chat_templates_apply, tokenised whole with special tokens on
  std::vector<int32_t> tokens;
  std::string text;
  // With `sampling` only: from the logits, of each token, and of the five most probable at its place.
  std::vector<double> logprobs = {};
  std::vector<std::vector<std::pair<std::string, double>>> top = {};
  double first_token_ms = 0;  // from the rendered prompt to the first token
  double tokens_per_second = 0;
};

// Always the most probable token, of those that `sampling` leaves or makes so. Throws std::runtime_error: for tests
// only.
BareAnswer ask_bare_library(const std::string& model_path,
                            const std::vector<std::pair<std::string, std::string>>& messages, int max_tokens,
                            int threads, const BareSampling* sampling = nullptr);

// The tokens of a text, no special ones among them. Throws std::runtime_error.
std::vector<int32_t> tokens_of_bare_library(const std::string& model_path, const std::string& text);

}  // namespace openpcc::engine
