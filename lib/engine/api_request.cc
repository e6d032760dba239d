#include "engine/api_request.h"

#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/json_fields.h"
#include "engine/request_parts.h"

namespace openpcc::engine {

using json = nlohmann::ordered_json;  // the order of a schema's properties is that of the answer's

bool JsonBudget::takes(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) {
        return false;
      }
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    } else if (c == ':' && ++keys_ > kMaxJsonKeys) {
      return false;
    }
  }
  return true;
}

std::optional<Dialect> dialect_of(std::string_view path) {
  if (path == kChatCompletionsPath) {
    return Dialect::kChat;
  }
  if (path == kCompletionsPath) {
    return Dialect::kCompletion;
  }
  if (path == kOllamaChatPath) {
    return Dialect::kOllamaChat;
  }
  if (path == kOllamaGeneratePath) {
    return Dialect::kOllamaGenerate;
  }
  return std::nullopt;
}

Accepted<ApiRequest> parse_request(Dialect dialect, ByteView body, uint32_t seed) {
  if (body.size() > kMaxBodyBytes) {
    return std::unexpected(Refusal{400, "the request body is too large"});
  }
  JsonBudget budget;
  if (!budget.takes(as_text(body))) {
    return std::unexpected(Refusal{400, "the request body is nested too deeply, or has too many keys"});
  }
  const json parsed = json::parse(body.begin(), body.end(), nullptr, false);
  if (!parsed.is_object()) {
    return std::unexpected(Refusal{400, "the request body must be a JSON object"});
  }
  ApiRequest request;
  request.dialect = dialect;
  request.generation.sampling.seed = fold_seed(seed);
  JsonFields fields(parsed);
  request.model = fields.text("model").value_or("");
  if (is_ollama(dialect)) {
    read_ollama(fields, budget, request);
  } else {
    read_openai(fields, budget, request);
  }
  if (auto refused = fields.finish()) {
    return std::unexpected(std::move(*refused));
  }
  return request;
}

}  // namespace openpcc::engine
