// Tools in a request: what may be called, what was called before, and what came of it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/request_parts.h"
#include "engine/schema_check.h"
#include "engine/schema_fit.h"

namespace openpcc::engine {

using json = nlohmann::ordered_json;

namespace {

bool is_tool_name(const std::string& name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxToolNameBytes && std::all_of(name.begin(), name.end(), fits);
}

std::string at(std::string_view list, size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "].";
}

std::string read_name(JsonFields& function) {
  std::string name = function.text("name").value_or("");
  if (!is_tool_name(name)) {
    function.refuse("name", "must be 1 to " + std::to_string(kMaxToolNameBytes) + " letters, digits, _ or -");
  }
  return name;
}

void read_type(JsonFields& fields, bool required) {
  const auto type = fields.text("type");
  if (type ? *type != "function" : required) {
    fields.refuse("type", "must be function", "unsupported_parameter");
  }
}

std::optional<Refusal> read_tool(const json& item, const std::string& name, SchemaCheck& check, Tool& tool) {
  JsonFields fields(item, name);
  read_type(fields, true);
  const json* function = fields.value("function");
  if (function == nullptr || !function->is_object()) {
    fields.refuse("function", "must be an object", "missing_required_parameter");
    return fields.finish();
  }
  JsonFields inner(*function, name + "function.");
  tool.name = read_name(inner);
  tool.description = inner.text("description").value_or("");
  tool.strict = inner.boolean("strict").value_or(false);
  tool.parameters = R"({"type":"object","properties":{}})";
  if (const json* parameters = inner.value("parameters"); parameters != nullptr && !parameters->is_object()) {
    inner.refuse("parameters", "must be a JSON schema", "invalid_type");
  } else if (parameters != nullptr && !parameters->empty()) {
    tool.parameters = parameters->dump();
    if (tool.parameters.size() > kMaxSchemaBytes) {
      inner.refuse("parameters", "has more than " + std::to_string(kMaxSchemaBytes) + " bytes");
    } else if (const auto fault = check.check(*parameters, tool.strict)) {
      inner.refuse("parameters", *fault);
    } else {
      json fitting = *parameters;
      if (const auto unfit = fit_schema(fitting, tool.strict)) {
        inner.refuse("parameters", *unfit);
      }
      tool.enforced = fitting == *parameters ? "" : fitting.dump();
    }
  }
  fields.adopt(inner.finish());
  return fields.finish();
}

// {"type": "function", "function": {"name": ...}}: this one, and no other.
void read_named_choice(JsonFields& fields, const json& choice, Generation& generation) {
  JsonFields inner(choice, "tool_choice.");
  read_type(inner, true);
  const json* function = inner.value("function");
  if (function == nullptr || !function->is_object()) {
    inner.refuse("function", "must be an object", "missing_required_parameter");
  } else {
    JsonFields named(*function, "tool_choice.function.");
    const std::string name = named.text("name").value_or("");
    std::erase_if(generation.tools, [&](const Tool& tool) { return tool.name != name; });
    if (generation.tools.empty()) {
      named.refuse("name", "names none of the tools");
    }
    generation.tool_choice = ToolChoice::kRequired;
    inner.adopt(named.finish());
  }
  fields.adopt(inner.finish());
}

void read_choice(JsonFields& fields, Generation& generation) {
  const json* choice = fields.value("tool_choice");
  if (choice == nullptr) {
    return;
  }
  if (generation.tools.empty()) {
    fields.refuse("tool_choice", "needs tools to choose from");
  } else if (*choice == "auto") {
    generation.tool_choice = ToolChoice::kAuto;
  } else if (*choice == "none") {
    generation.tool_choice = ToolChoice::kNone;
  } else if (*choice == "required") {
    generation.tool_choice = ToolChoice::kRequired;
  } else if (choice->is_object()) {
    read_named_choice(fields, *choice, generation);
  } else {
    fields.refuse("tool_choice", "must be none, auto, required or a function");
  }
}

// OpenAI writes the arguments as a text that is JSON, Ollama as an object.
std::string read_arguments(JsonFields& function, bool ollama, JsonBudget& budget) {
  const json* arguments = function.value("arguments");
  if (arguments == nullptr || (!ollama && arguments->is_string() && arguments->get_ref<const std::string&>().empty())) {
    return "{}";
  }
  if (arguments->is_string() && !budget.takes(arguments->get_ref<const std::string&>())) {
    function.refuse("arguments", "is nested too deeply, or makes the request have too many keys");
    return {};
  }
  const json parsed =
      arguments->is_string() ? json::parse(arguments->get_ref<const std::string&>(), nullptr, false) : *arguments;
  if (arguments->is_string() == ollama || !parsed.is_object()) {
    function.refuse("arguments", ollama ? "must be an object" : "must be a JSON object, as text");
    return {};
  }
  return parsed.dump();
}

}  // namespace

void read_tools(JsonFields& fields, ApiRequest& request) {
  Generation& generation = request.generation;
  const json* tools = fields.value("tools");
  if (tools != nullptr && (!tools->is_array() || tools->size() > kMaxTools)) {
    fields.refuse("tools", "must be an array of at most " + std::to_string(kMaxTools) + " tools");
    return;
  }
  SchemaCheck check;
  for (size_t i = 0; tools != nullptr && i < tools->size(); ++i) {
    const std::string name = at("tools", i);
    if (!(*tools)[i].is_object()) {
      fields.refuse("tools", "must be an array of objects", "invalid_type");
      return;
    }
    Tool tool;
    if (auto refused = read_tool((*tools)[i], name, check, tool)) {
      fields.adopt(std::move(refused));
      return;
    }
    const auto same = [&](const Tool& other) { return other.name == tool.name; };
    if (std::any_of(generation.tools.begin(), generation.tools.end(), same)) {
      fields.refuse("tools", "has two tools of one name");
      return;
    }
    generation.tools.push_back(std::move(tool));
  }
  if (is_ollama(request.dialect)) {
    return;
  }
  read_choice(fields, generation);
  generation.parallel_tool_calls = fields.boolean("parallel_tool_calls").value_or(true);
}

void read_tool_calls(JsonFields& fields, Dialect dialect, const std::string& name, JsonBudget& budget,
                     Message& message) {
  const json* calls = fields.value("tool_calls");
  if (calls == nullptr || (calls->is_array() && calls->empty())) {
    return;
  }
  if (message.role != "assistant" || !calls->is_array() || calls->size() > kMaxTools) {
    fields.refuse("tool_calls", "must be an array of at most " + std::to_string(kMaxTools) + " calls of an assistant");
    return;
  }
  for (size_t i = 0; i < calls->size(); ++i) {
    const json& item = (*calls)[i];
    if (!item.is_object() || !item.contains("function") || !item["function"].is_object()) {
      fields.refuse("tool_calls", "must be an array of objects with a function", "invalid_type");
      return;
    }
    const std::string prefix = name + at("tool_calls", i);
    JsonFields call(item, prefix);
    JsonFields function(item["function"], prefix + "function.");
    (void)call.value("function");
    read_type(call, false);
    function.ignore("index");  // Ollama counts them so
    ToolCall out;
    out.id = call.text("id").value_or("");
    out.name = read_name(function);
    out.arguments = read_arguments(function, is_ollama(dialect), budget);
    call.adopt(function.finish());
    if (auto refused = call.finish()) {
      fields.adopt(std::move(refused));
      return;
    }
    message.tool_calls.push_back(std::move(out));
  }
}

}  // namespace openpcc::engine
