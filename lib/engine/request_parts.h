// request_parts.h - what the readers of OpenAI's and of Ollama's requests share. Internal to api_request.h.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api_request.h"
#include "engine/json_fields.h"

namespace openpcc::engine {

inline constexpr int64_t kMostTokens = 1 << 30;

// The schema behind "format":"json" and {"type":"json_object"}.
inline constexpr const char* kAnyObject = R"({"type":"object"})";

// Any integer seeds; its two halves are folded together. 0xffffffff, "random" to libllama, never comes out.
[[nodiscard]] uint32_t fold_seed(int64_t seed);

[[nodiscard]] std::optional<Refusal> read_messages(const nlohmann::json& messages, Dialect dialect,
                                                   std::vector<Message>& out);
void read_stop(JsonFields& fields, std::vector<std::string>& out);
void read_seed(JsonFields& fields, Sampling& sampling);
void read_logit_bias(JsonFields& fields, Sampling& sampling);
void set_schema(JsonFields& fields, std::string_view name, std::string schema, Generation& generation);

void read_openai(JsonFields& fields, ApiRequest& request);
void read_ollama(JsonFields& fields, ApiRequest& request);

}  // namespace openpcc::engine
