#include "engine/request_parts.h"

#include <nlohmann/json.hpp>

namespace openpcc::engine {

using json = nlohmann::ordered_json;  // the order of a schema's properties is that of the answer's

namespace {

// Ollama's own defaults and ranges (its docs/modelfile.md).
void read_ollama_options(JsonFields& fields, ApiRequest& request) {
  Sampling& sampling = request.generation.sampling;
  sampling.temperature = 0.8;
  sampling.top_p = 0.9;
  sampling.top_k = 40;
  const json* options = fields.value("options");
  if (options == nullptr) {
    return;
  }
  if (!options->is_object()) {
    fields.refuse("options", "must be an object", "invalid_type");
    return;
  }
  JsonFields inner(*options, "options.");
  sampling.temperature = inner.number("temperature", 0, 10).value_or(sampling.temperature);
  sampling.top_p = inner.number("top_p", 0, 1).value_or(sampling.top_p);
  sampling.min_p = inner.number("min_p", 0, 1).value_or(0);
  sampling.top_k = static_cast<int32_t>(inner.integer("top_k", 0, INT32_MAX).value_or(sampling.top_k));
  sampling.frequency_penalty = inner.number("frequency_penalty", -2, 2).value_or(0);
  sampling.presence_penalty = inner.number("presence_penalty", -2, 2).value_or(0);
  sampling.repetition_penalty = inner.number("repeat_penalty", 0.01, 10).value_or(1);
  if (const json* seed = inner.value("seed"); seed == nullptr || *seed != -1) {  // -1: any, as if it were absent
    read_seed(inner, sampling);
  }
  read_stop(inner, request.stop);
  // 0, -1 and -2: until the model ends or the context is full. Of 0 its documents say nothing; its runner takes it so.
  if (const auto most = inner.integer("num_predict", -2, kMostTokens); most && *most > 0) {
    request.max_tokens = static_cast<uint64_t>(*most);
  }
  if (const auto context = inner.integer("num_ctx", 1, kMostTokens)) {
    request.context_limit = static_cast<uint64_t>(*context);
  }
  for (const char* name :
       {"num_thread", "num_gpu", "num_batch", "use_mmap", "num_keep", "low_vram", "main_gpu", "numa"}) {
    inner.ignore(name);  // about the machine, not the answer
  }
  if (auto refused = inner.finish()) {
    fields.adopt(std::move(refused));
  }
}

}  // namespace

void read_ollama(JsonFields& fields, JsonBudget& budget, ApiRequest& request) {
  Generation& generation = request.generation;
  read_ollama_options(fields, request);
  request.stream = fields.boolean("stream").value_or(true);
  request.include_usage = true;
  fields.ignore("keep_alive");
  if (const json* format = fields.value("format")) {
    if (*format == "json") {
      generation.json_schema = kAnyObject;
    } else if (format->is_object() && !format->empty()) {
      set_schema(fields, "format", *format, false, generation);
    } else if (!format->is_object() && !(format->is_string() && format->get_ref<const std::string&>().empty())) {
      fields.refuse("format", "must be \"json\" or a JSON schema");
    }
  }
  if (request.dialect == Dialect::kOllamaChat) {
    read_tools(fields, request);
    if (!generation.tools.empty() && !generation.json_schema.empty()) {
      fields.refuse("format", "is not supported together with tools", "unsupported_parameter");
    }
    if (const json* messages = fields.value("messages")) {
      if (auto refused = read_messages(*messages, request.dialect, budget, generation.messages)) {
        fields.adopt(std::move(refused));
      }
    }
    request.load_only = generation.messages.empty();
    return;
  }
  fields.unsupported("suffix");
  fields.unsupported("template");
  const std::string prompt = fields.text("prompt").value_or("");
  const std::string system = fields.text("system").value_or("");
  request.load_only = prompt.empty();
  if (!system.empty()) {
    generation.messages.push_back({"system", system});
  }
  generation.messages.push_back({"user", prompt});
}

}  // namespace openpcc::engine
