#include "engine/request_parts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace openpcc::engine {

using json = nlohmann::ordered_json;  // the order of a schema's properties is that of the answer's

namespace {

void read_json_schema(JsonFields& format, Generation& generation) {
  const json* wrapper = format.value("json_schema");
  if (wrapper == nullptr || !wrapper->is_object()) {
    format.refuse("json_schema", "must be an object", "missing_required_parameter");
    return;
  }
  JsonFields inner(*wrapper, "response_format.json_schema.");
  (void)inner.text("name");         // for whoever reads the request
  (void)inner.text("description");  // not shown to the model
  const bool strict = inner.boolean("strict").value_or(false);
  const json* schema = inner.value("schema");
  if (schema == nullptr || !schema->is_object()) {
    inner.refuse("schema", "must be an object", "missing_required_parameter");
  } else {
    set_schema(inner, "schema", *schema, strict, generation);
  }
  format.adopt(inner.finish());
}

void read_response_format(JsonFields& fields, Generation& generation) {
  const json* format = fields.value("response_format");
  if (format == nullptr || (format->is_object() && format->empty())) {
    return;
  }
  if (!format->is_object()) {
    fields.refuse("response_format", "must be an object", "invalid_type");
    return;
  }
  JsonFields inner(*format, "response_format.");
  const std::string type = inner.text("type").value_or("");
  if (type == "json_object") {
    generation.json_schema = kAnyObject;
  } else if (type == "json_schema") {
    read_json_schema(inner, generation);
  } else if (type != "text") {
    inner.refuse("type", "must be text, json_object or json_schema");
  }
  fields.adopt(inner.finish());
}

// A flag in a chat, a number in a plain completion. The official node's chat takes a number, which an inference server
// reads as a flag: 0 or 1.
void read_logprobs(JsonFields& fields, ApiRequest& request) {
  std::optional<uint32_t>& top = request.generation.top_logprobs;
  if (request.dialect != Dialect::kChat) {
    if (const auto most = fields.integer("logprobs", 0, kMostCompletionLogprobs)) {
      top = static_cast<uint32_t>(*most);
    }
    return;
  }
  const json* flag = fields.value("logprobs");
  if (flag != nullptr && !flag->is_boolean() && *flag != 0 && *flag != 1) {
    fields.refuse("logprobs", "must be true or false", "invalid_type");
    return;
  }
  const auto most = fields.integer("top_logprobs", 0, kMostChatLogprobs);
  if (flag != nullptr && (*flag == true || *flag == 1)) {
    top = static_cast<uint32_t>(most.value_or(0));
  } else if (most.value_or(0) > 0) {
    fields.refuse("top_logprobs", "needs 'logprobs' to be true");
  }
}

void read_openai_sampling(JsonFields& fields, ApiRequest& request) {
  Sampling& sampling = request.generation.sampling;
  sampling.temperature = fields.number("temperature", 0, 2).value_or(sampling.temperature);
  sampling.top_p = fields.number("top_p", 0, 1).value_or(sampling.top_p);
  // Not OpenAI's, but every server's that speaks its language.
  const int64_t top_k = fields.integer("top_k", -1, INT32_MAX).value_or(0);  // -1: no limit, as 0
  sampling.top_k = static_cast<int32_t>(std::max<int64_t>(top_k, 0));
  sampling.min_p = fields.number("min_p", 0, 1).value_or(sampling.min_p);
  sampling.frequency_penalty = fields.number("frequency_penalty", -2, 2).value_or(0);
  sampling.presence_penalty = fields.number("presence_penalty", -2, 2).value_or(0);
  sampling.repetition_penalty = fields.number("repetition_penalty", 0.01, 10).value_or(1);
  sampling.ignore_eos = fields.boolean("ignore_eos").value_or(false);
  read_seed(fields, sampling);
  read_logit_bias(fields, sampling);
  read_stop(fields, request.stop);
  // 0 is how the official node writes an absent max_completion_tokens when it re-serialises a streaming request.
  const int64_t older = fields.integer("max_tokens", 0, kMostTokens).value_or(0);
  const int64_t newer =
      request.dialect == Dialect::kChat ? fields.integer("max_completion_tokens", 0, kMostTokens).value_or(0) : 0;
  if (const int64_t most = newer != 0 ? newer : older; most != 0) {
    request.max_tokens = static_cast<uint64_t>(most);
  }
  if (const auto n = fields.integer("n", 1, INT32_MAX); n && *n > 1) {
    fields.refuse("n", "above 1 is not supported by this node", "unsupported_parameter");
  }
  request.stream = fields.boolean("stream").value_or(false);
  if (const json* options = fields.value("stream_options")) {
    if (!options->is_object()) {
      fields.refuse("stream_options", "must be an object", "invalid_type");
    } else {
      JsonFields inner(*options, "stream_options.");
      request.include_usage = inner.boolean("include_usage").value_or(false);
      if (auto refused = inner.finish()) {
        fields.adopt(std::move(refused));
      }
    }
  }
  read_logprobs(fields, request);
  fields.ignore("user");  // names an account, nothing about the answer
}

void read_chat(JsonFields& fields, JsonBudget& budget, ApiRequest& request) {
  read_openai_sampling(fields, request);
  read_response_format(fields, request.generation);
  fields.unsupported("functions");
  fields.unsupported("function_call", "none");
  fields.unsupported("prediction");
  read_tools(fields, request);
  if (!request.generation.tools.empty() && !request.generation.json_schema.empty()) {
    fields.refuse("response_format", "is not supported together with tools", "unsupported_parameter");
  }
  if (!request.generation.tools.empty() && request.generation.top_logprobs) {
    fields.refuse("logprobs", "is not supported together with tools", "unsupported_parameter");
  }
  fields.ignore("metadata");
  const json* messages = fields.value("messages");
  if (messages == nullptr || (messages->is_array() && messages->empty())) {
    fields.refuse("messages", "must have at least one message", "missing_required_parameter");
  } else if (auto refused = read_messages(*messages, request.dialect, budget, request.generation.messages)) {
    fields.adopt(std::move(refused));
  }
}

void read_completion(JsonFields& fields, ApiRequest& request) {
  read_openai_sampling(fields, request);
  request.generation.chat = false;
  request.generation.text = fields.text("prompt").value_or("");
  if (request.generation.text.empty() && !fields.refused()) {
    fields.refuse("prompt", "must be a string that is not empty", "missing_required_parameter");
  }
  if (const auto best_of = fields.integer("best_of", 0, INT32_MAX); best_of && *best_of > 1) {
    fields.refuse("best_of", "above 1 is not supported by this node", "unsupported_parameter");
  }
  fields.unsupported("echo");
  fields.unsupported("suffix");
}

}  // namespace

void read_openai(JsonFields& fields, JsonBudget& budget, ApiRequest& request) {
  if (request.dialect == Dialect::kChat) {
    read_chat(fields, budget, request);
  } else {
    read_completion(fields, request);
  }
}

}  // namespace openpcc::engine
