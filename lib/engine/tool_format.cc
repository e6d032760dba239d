#include "engine/tool_format.h"

#include <algorithm>

namespace openpcc::engine {
namespace {

constexpr size_t kMaxGrammarBytes = size_t{4} << 20;

common_chat_msg message_of(const Message& message) {
  common_chat_msg out;
  out.role = message.role;
  out.content = message.content;
  out.tool_call_id = message.tool_call_id;
  out.tool_name = message.tool_name;
  for (const ToolCall& call : message.tool_calls) {
    out.tool_calls.push_back({.name = call.name, .arguments = call.arguments, .id = call.id});
  }
  return out;
}

common_chat_tool_choice choice_of(ToolChoice choice) {
  switch (choice) {
    case ToolChoice::kAuto:
      return COMMON_CHAT_TOOL_CHOICE_AUTO;
    case ToolChoice::kRequired:
      return COMMON_CHAT_TOOL_CHOICE_REQUIRED;
    case ToolChoice::kNone:
      return COMMON_CHAT_TOOL_CHOICE_NONE;
  }
  return COMMON_CHAT_TOOL_CHOICE_NONE;
}

// Where a call is required, `common` still lets any text precede it: small models then talk instead. Its rules for that
// text are optional elements of the first rule, named "until-N"; without them the call comes first. Formats whose
// grammar looks otherwise keep the text.
void remove_text_before_call(std::string& grammar) {
  constexpr std::string_view kRoot = "root ::= ";
  constexpr std::string_view kUntil = " until-";
  const size_t root = grammar.starts_with(kRoot) ? 0 : grammar.find("\n" + std::string(kRoot));
  if (root == std::string::npos) {
    return;
  }
  const size_t at = grammar.find(kUntil, root);
  const size_t end = at == std::string::npos ? at : grammar.find_first_not_of("0123456789", at + kUntil.size());
  if (end != std::string::npos && grammar[end] == '?' && at < grammar.find('\n', root + 1)) {
    grammar.erase(at, end + 1 - at);
  }
}

AnswerParts parts_of(const common_chat_msg& message) {
  AnswerParts parts{message.content, {}};
  for (const common_chat_tool_call& call : message.tool_calls) {
    parts.tool_calls.push_back({call.id, call.name, call.arguments});
  }
  return parts;
}

}  // namespace

bool has_tools(const Generation& generation) {
  return !generation.tools.empty() ||
         std::any_of(generation.messages.begin(), generation.messages.end(),
                     [](const Message& message) { return message.role == "tool" || !message.tool_calls.empty(); });
}

std::unique_ptr<ToolFormat> ToolFormat::create(const llama_model* model, const std::string& chat_template) {
  try {
    std::unique_ptr<ToolFormat> format(new ToolFormat);
    format->templates_ = common_chat_templates_init(model, chat_template);
    const auto caps = common_chat_templates_get_caps(format->templates_.get());
    const auto is = [&](const char* name) {
      const auto found = caps.find(name);
      return found != caps.end() && found->second;
    };
    format->takes_tools_ = is("supports_tools");
    format->takes_calls_ = is("supports_tool_calls");
    format->several_calls_ = is("supports_parallel_tool_calls");
    return format;
  } catch (const std::exception&) {
    return nullptr;
  }
}

Accepted<ToolPlan> ToolFormat::plan(const Generation& generation, std::time_t now) const {
  if (!generation.tools.empty() && !(takes_tools_ && takes_calls_)) {
    return std::unexpected(Refusal{400,
                                   "'tools' are not supported by this model: its chat template has no place for them",
                                   "tools", "unsupported_parameter"});
  }
  if (!takes_calls_) {
    return std::unexpected(
        Refusal{400, "tool calls are not supported by this model: its chat template has no place for them", "messages",
                "unsupported_parameter"});
  }
  try {
    common_chat_templates_inputs inputs;
    for (const Message& message : generation.messages) {
      inputs.messages.push_back(message_of(message));
    }
    for (const Tool& tool : generation.tools) {
      inputs.tools.push_back({tool.name, tool.description, tool.parameters});
    }
    inputs.tool_choice = choice_of(generation.tool_choice);
    inputs.parallel_tool_calls = generation.parallel_tool_calls && several_calls_;
    inputs.now = std::chrono::system_clock::from_time_t(now);
    ToolPlan plan;
    plan.params = common_chat_templates_apply(templates_.get(), inputs);
    if (generation.tool_choice == ToolChoice::kRequired) {
      remove_text_before_call(plan.params.grammar);
    }
    if (plan.params.grammar.size() > kMaxGrammarBytes) {
      return std::unexpected(Refusal{400, "'tools' give a grammar that is too large", "tools"});
    }
    plan.parser = common_chat_parser_params(plan.params);
    plan.parser.parse_tool_calls = generation.tool_choice != ToolChoice::kNone;
    if (!plan.params.parser.empty()) {
      plan.parser.parser.load(plan.params.parser);
    }
    return plan;
  } catch (const std::exception&) {
    // What `common` says may quote the request.
    return std::unexpected(Refusal{400, "the model's chat template refuses these messages or tools", "messages"});
  }
}

AnswerParts read_answer(const ToolPlan& plan, std::string_view text, bool whole) {
  const std::string answer(text);
  for (const bool partial : {!whole, true}) {
    try {
      return parts_of(common_chat_parse(answer, partial, plan.parser));
    } catch (const std::exception&) {
      // An answer that was cut off may still be read in part.
    }
  }
  return whole ? AnswerParts{answer, {}} : AnswerParts{};
}

}  // namespace openpcc::engine
