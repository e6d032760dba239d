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

// What one request may hold of JSON, in its body and in texts that are JSON again (the arguments of calls): parsers and
// templates take long over many keys, and some of them recurse.
class JsonBudget {
 public:
  // Before the text is parsed. False: it is nested too deeply, or the request has too many keys with it.
  [[nodiscard]] bool takes(std::string_view text);

 private:
  size_t keys_ = 0;
};

[[nodiscard]] std::optional<Refusal> read_messages(const nlohmann::ordered_json& messages, Dialect dialect,
                                                   JsonBudget& budget, std::vector<Message>& out);
void read_stop(JsonFields& fields, std::vector<std::string>& out);
void read_seed(JsonFields& fields, Sampling& sampling);
void read_logit_bias(JsonFields& fields, Sampling& sampling);
// The answer must fit this schema. Refused where it would cost too much, or cannot be followed and `strict` asks for
// it.
void set_schema(JsonFields& fields, std::string_view name, const nlohmann::ordered_json& schema, bool strict,
                Generation& generation);

// `tools`, and in a chat of OpenAI's what is said about their use.
void read_tools(JsonFields& fields, ApiRequest& request);
// Calls that an assistant made before. `name` is the message's, for refusals.
void read_tool_calls(JsonFields& fields, Dialect dialect, const std::string& name, JsonBudget& budget,
                     Message& message);

void read_openai(JsonFields& fields, JsonBudget& budget, ApiRequest& request);
void read_ollama(JsonFields& fields, JsonBudget& budget, ApiRequest& request);

}  // namespace openpcc::engine
