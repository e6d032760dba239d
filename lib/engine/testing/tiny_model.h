// tiny_model.h - a small model with random weights from a fixed seed and a real vocabulary: what Llama 3 does to
// tokens, without its weights.
#pragma once

#include <cstdint>
#include <string>

namespace openpcc::engine {

// Takes vocabulary and tokeniser from a vocabulary-only GGUF, adds the chat template and two layers of Llama
// architecture. Throws std::runtime_error: for tests only.
void write_tiny_model(const std::string& vocabulary_path, const std::string& chat_template, uint64_t seed,
                      const std::string& out_path);

}  // namespace openpcc::engine
