#include "engine/request_parts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/schema_check.h"
#include "engine/schema_fit.h"

namespace openpcc::engine {

using json = nlohmann::ordered_json;  // the order of a schema's properties is that of the answer's

namespace {

Refusal refusal(std::string message, std::string param, std::string code = "invalid_value") {
  return {400, std::move(message), std::move(param), std::move(code)};
}

// OpenAI's content is a string or an array of parts; only text parts are offered.
std::optional<std::string> content_of(JsonFields& fields) {
  const json* content = fields.value("content");
  if (content == nullptr) {
    return std::string();
  }
  if (content->is_string()) {
    return content->get<std::string>();
  }
  if (!content->is_array()) {
    fields.refuse("content", "must be a string or an array of parts", "invalid_type");
    return std::nullopt;
  }
  std::string all;
  for (const json& part : *content) {
    if (!part.is_object() || !part.contains("type") || part["type"] != "text" || !part.contains("text") ||
        !part["text"].is_string() || part.size() != 2) {
      fields.refuse("content", "has a part that is no text; this node takes text only", "unsupported_parameter");
      return std::nullopt;
    }
    if (!all.empty()) {
      all += '\n';
    }
    all += part["text"].get_ref<const std::string&>();
  }
  return all;
}

bool is_call(const std::vector<Message>& messages, const std::string& id) {
  const auto has = [&](const ToolCall& call) { return call.id == id; };
  return std::any_of(messages.begin(), messages.end(), [&](const Message& message) {
    return std::any_of(message.tool_calls.begin(), message.tool_calls.end(), has);
  });
}

}  // namespace

std::optional<Refusal> read_messages(const json& messages, Dialect dialect, JsonBudget& budget,
                                     std::vector<Message>& out) {
  if (!messages.is_array()) {
    return refusal("'messages' must be an array", "messages", "invalid_type");
  }
  if (messages.size() > kMaxMessages) {
    return refusal("'messages' has more than " + std::to_string(kMaxMessages) + " entries", "messages");
  }
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string name = "messages[" + std::to_string(i) + "]";
    if (!messages[i].is_object()) {
      return refusal("'" + name + "' must be an object", name, "invalid_type");
    }
    JsonFields fields(messages[i], name + ".");
    Message message;
    message.role = fields.text("role").value_or("");
    if (message.role == "developer") {
      message.role = "system";  // OpenAI's newer name for it
    }
    const bool is_tool = message.role == "tool";
    if (!is_tool && message.role != "system" && message.role != "user" && message.role != "assistant") {
      fields.refuse("role", "must be system, developer, user, assistant or tool");
    }
    message.content = content_of(fields).value_or("");
    // An assistant may have said nothing but its calls.
    if (!is_ollama(dialect) && message.role != "assistant" && fields.value("content") == nullptr) {
      fields.refuse("content", "must be a string or an array of parts", "missing_required_parameter");
    }
    read_tool_calls(fields, dialect, name + ".", budget, message);
    if (is_tool) {
      message.tool_call_id = fields.text("tool_call_id").value_or("");
      message.tool_name = is_ollama(dialect) ? fields.text("tool_name").value_or("") : "";
      if (!is_ollama(dialect) && message.tool_call_id.empty()) {
        fields.refuse("tool_call_id", "must name the call that this is the result of", "missing_required_parameter");
      } else if (!is_ollama(dialect) && !is_call(out, message.tool_call_id)) {
        fields.refuse("tool_call_id", "names no call in the messages before it");
      }
    }
    fields.unsupported(is_ollama(dialect) ? "images" : "audio");
    fields.unsupported("refusal");
    if (is_ollama(dialect)) {
      fields.unsupported("thinking");
    } else {
      fields.unsupported("name");
    }
    if (auto refused = fields.finish()) {
      return refused;
    }
    out.push_back(std::move(message));
  }
  return std::nullopt;
}

void read_stop(JsonFields& fields, std::vector<std::string>& out) {
  const json* stop = fields.value("stop");
  if (stop == nullptr) {
    return;
  }
  const json list = stop->is_array() ? *stop : json::array({*stop});
  if (list.size() > kMaxStopStrings) {
    fields.refuse("stop", "has more than " + std::to_string(kMaxStopStrings) + " strings");
    return;
  }
  for (const json& item : list) {
    if (!item.is_string() || item.get_ref<const std::string&>().size() > kMaxStopStringBytes) {
      fields.refuse("stop", "must be a string or an array of strings of at most " +
                                std::to_string(kMaxStopStringBytes) + " bytes");
      return;
    }
    out.push_back(item.get<std::string>());
  }
}

uint32_t fold_seed(int64_t seed) {
  const auto bits = static_cast<uint64_t>(seed);
  const auto folded = static_cast<uint32_t>(bits ^ (bits >> 32));
  return folded == UINT32_MAX ? folded - 1 : folded;
}

void read_seed(JsonFields& fields, Sampling& sampling) {
  if (const auto seed = fields.integer("seed", INT64_MIN, INT64_MAX)) {
    sampling.seed = fold_seed(*seed);
  }
}

void read_logit_bias(JsonFields& fields, Sampling& sampling) {
  const json* biases = fields.value("logit_bias");
  if (biases == nullptr) {
    return;
  }
  if (!biases->is_object() || biases->size() > kMaxLogitBiases) {
    fields.refuse("logit_bias", "must be an object of at most " + std::to_string(kMaxLogitBiases) + " entries");
    return;
  }
  for (const auto& [key, bias] : biases->items()) {
    const bool is_id = !key.empty() && key.size() <= 9 && key.find_first_not_of("0123456789") == std::string::npos;
    if (!is_id || !bias.is_number() || bias.get<double>() < -100 || bias.get<double>() > 100) {
      fields.refuse("logit_bias", "must map token numbers to numbers between -100 and 100");
      return;
    }
    sampling.logit_bias.emplace_back(std::stoi(key), bias.get<float>());
  }
}

void set_schema(JsonFields& fields, std::string_view name, const json& schema, bool strict, Generation& generation) {
  if (schema.dump().size() > kMaxSchemaBytes) {
    fields.refuse(name, "has a schema of more than " + std::to_string(kMaxSchemaBytes) + " bytes");
    return;
  }
  if (const auto fault = SchemaCheck().check(schema, strict)) {
    fields.refuse(name, "has a schema that " + *fault);
    return;
  }
  json fitting = schema;
  if (const auto fault = fit_schema(fitting, strict)) {
    fields.refuse(name, "has a schema that " + *fault);
    return;
  }
  generation.json_schema = fitting.dump();
}

}  // namespace openpcc::engine
