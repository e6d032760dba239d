// api_request.h - reads the four request formats: OpenAI's chat and plain completions, Ollama's chat and generate.
//
// The fields are those that the official node lets pass (confidentcompute computeworker/input_validators.go). Fractions
// are taken where OpenAI takes them (the reference decodes top_p and the penalties as integers). The body is hostile:
// its size and depth are limited, and it is refused at the first thing that does not fit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/generation.h"

namespace openpcc::engine {

// The worker writes a request anew after it has checked its size; that may take more room than the sender's text did.
inline constexpr size_t kMaxBodyBytes = 8 * limits::kRequestBody;
inline constexpr size_t kMaxJsonDepth = 64;
inline constexpr size_t kMaxJsonKeys = 20'000;
inline constexpr size_t kMaxMessages = 4096;
inline constexpr size_t kMaxStopStrings = 16;
inline constexpr size_t kMaxStopStringBytes = 1024;
inline constexpr size_t kMaxLogitBiases = 1024;
inline constexpr size_t kMaxTools = 128;
inline constexpr size_t kMaxToolNameBytes = 64;
inline constexpr int64_t kMostChatLogprobs = 20;
inline constexpr int64_t kMostCompletionLogprobs = 5;

enum class Dialect { kChat, kCompletion, kOllamaChat, kOllamaGenerate };

[[nodiscard]] inline bool is_ollama(Dialect dialect) {
  return dialect == Dialect::kOllamaChat || dialect == Dialect::kOllamaGenerate;
}

struct ApiRequest {
  Dialect dialect = Dialect::kChat;
  std::string model;
  Generation generation;
  std::vector<std::string> stop;
  std::optional<uint64_t> max_tokens;     // nothing: as many as the context holds
  std::optional<uint64_t> context_limit;  // Ollama's num_ctx
  bool stream = false;
  bool include_usage = false;
  bool load_only = false;  // Ollama: no prompt asks only that the model be loaded
};

// The dialect of a path, or nothing.
[[nodiscard]] std::optional<Dialect> dialect_of(std::string_view path);

// `seed` is used where the request names none.
[[nodiscard]] Accepted<ApiRequest> parse_request(Dialect dialect, ByteView body, uint32_t seed);

}  // namespace openpcc::engine
