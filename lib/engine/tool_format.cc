#include "engine/tool_format.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "peg-parser.h"

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

AnswerParts parts_of(const common_chat_msg& message, const std::string& own_words, std::string_view answer) {
  AnswerParts parts{message.content, {}};
  if (parts.content.starts_with(own_words)) {
    parts.content.erase(0, own_words.size());  // told to the model, not by it
  }
  // Some parsers drop the blanks that an answer begins with, and some of those only at its end, when a stream has them.
  const size_t blanks = std::min(answer.find_first_not_of(" \t\r\n"), answer.size());
  if (!parts.content.empty() && answer.substr(blanks).starts_with(parts.content)) {
    parts.content.insert(0, answer.substr(0, blanks));
  }
  for (const common_chat_tool_call& call : message.tool_calls) {
    parts.tool_calls.push_back({call.id, call.name, call.arguments});
  }
  return parts;
}

std::optional<AnswerParts> parsed(const ToolPlan& plan, const std::string& answer, bool partial) {
  try {
    return parts_of(common_chat_parse(answer, partial, plan.parser), plan.own_words, answer);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// Some templates open the model's answer themselves ("<think>\n"); what is parsed begins with that.
std::string own_words_of(const ToolPlan& plan) {
  const std::string probe = "x";
  const auto parts = parsed(plan, probe, false);
  if (!parts || !parts->content.ends_with(probe)) {
    return {};
  }
  std::string words = parts->content.substr(0, parts->content.size() - probe.size());
  return plan.parser.generation_prompt.ends_with(words) ? words : "";
}

bool is_complete(const ToolCall& call) {
  return !call.name.empty() && nlohmann::json::parse(call.arguments, nullptr, false).is_object();
}

// `common` takes the end of the text for the end of whatever it was in the middle of. So a call that was cut off inside
// its name leaves neither a call nor content.
bool reads_to_its_end(const ToolPlan& plan, const std::string& answer) {
  if (plan.parser.parser.empty()) {
    return true;
  }
  try {
    common_peg_parse_context context(plan.parser.generation_prompt + answer);
    return plan.parser.parser.parse(context).success();
  } catch (const std::exception&) {
    return false;
  }
}

// The text of an answer that was read in part only. What a reader of the stream has seen stays: where the parser took
// the template's marks out of it, the rest is what stands behind it.
std::string unread(const std::string& answer, const std::string& content) {
  if (answer.starts_with(content)) {
    return answer;
  }
  const size_t length = std::min<size_t>(content.size(), 64);
  const size_t at = answer.rfind(content.substr(content.size() - length));
  return at == std::string::npos ? answer : content + answer.substr(at + length);
}

}  // namespace

bool has_tools(const Generation& generation) {
  return !generation.tools.empty() ||
         std::any_of(generation.messages.begin(), generation.messages.end(),
                     [](const Message& message) { return message.role == "tool" || !message.tool_calls.empty(); });
}

std::vector<Tool> tools_as_enforced(const std::vector<Tool>& tools) {
  std::vector<Tool> out = tools;
  for (Tool& tool : out) {
    if (!tool.enforced.empty()) {
      tool.parameters = tool.enforced;
    }
  }
  return out;
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
    format->strict_when_auto_ = format->enforces_schemas(ToolChoice::kAuto);
    format->strict_when_required_ = format->enforces_schemas(ToolChoice::kRequired);
    return format;
  } catch (const std::exception&) {
    return nullptr;
  }
}

// Some templates have no grammar where a call is optional, others write text as it is, of any length. So one schema is
// tried: its limit must come up in the grammar.
bool ToolFormat::enforces_schemas(ToolChoice choice) const {
  if (!takes_tools_ || !takes_calls_) {
    return false;
  }
  try {
    common_chat_templates_inputs inputs;
    inputs.messages.push_back(message_of({"user", "x"}));
    inputs.tools.push_back({"f", "",
                            R"({"type":"object","properties":{"a":{"type":"string","maxLength":7}},)"
                            R"("required":["a"],"additionalProperties":false})"});
    inputs.tool_choice = choice_of(choice);
    return common_chat_templates_apply(templates_.get(), inputs).grammar.find("{0,7}") != std::string::npos;
  } catch (const std::exception&) {
    return false;
  }
}

std::optional<Refusal> ToolFormat::refuse_strict(const Generation& generation) const {
  const bool may_call = generation.tool_choice == ToolChoice::kAuto;
  if (generation.tool_choice == ToolChoice::kNone || (may_call ? strict_when_auto_ : strict_when_required_)) {
    return std::nullopt;
  }
  for (const Tool& tool : generation.tools) {
    if (tool.strict) {
      return Refusal{400,
                     "'strict' of the tool '" + tool.name + "' cannot be enforced with this model" +
                         (may_call && strict_when_required_ ? " unless 'tool_choice' is required" : "") +
                         ": leave it out, and check the arguments",
                     "tools[].function.strict", "unsupported_parameter"};
    }
  }
  return std::nullopt;
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
  if (auto refused = refuse_strict(generation)) {
    return std::unexpected(std::move(*refused));
  }
  try {
    common_chat_templates_inputs inputs;
    for (const Message& message : generation.messages) {
      inputs.messages.push_back(message_of(message));
    }
    for (const Tool& tool : tools_as_enforced(generation.tools)) {
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
    plan.own_words = own_words_of(plan);
    return plan;
  } catch (const std::exception&) {
    // What `common` says may quote the request.
    return std::unexpected(Refusal{400, "the model's chat template refuses these messages or tools", "messages"});
  }
}

AnswerParts read_answer(const ToolPlan& plan, std::string_view text, bool whole) {
  const std::string answer(text);
  std::optional<AnswerParts> parts = parsed(plan, answer, !whole);
  if (!whole) {
    return parts.value_or(AnswerParts{});
  }
  const bool readable = parts.has_value();
  if (!readable) {
    parts = parsed(plan, answer, true).value_or(AnswerParts{});  // calls may stand before what cannot be read
  }
  const size_t begun = parts->tool_calls.size();
  std::erase_if(parts->tool_calls, [](const ToolCall& call) { return !is_complete(call); });
  const bool all_said =
      readable && parts->tool_calls.size() == begun && !parts->content.empty() && reads_to_its_end(plan, answer);
  return parts->tool_calls.empty() && !all_said ? AnswerParts{unread(answer, parts->content), {}} : std::move(*parts);
}

}  // namespace openpcc::engine
