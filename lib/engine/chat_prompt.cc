#include "engine/chat_prompt.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>
#include "chat.h"
#include "engine/engine.h"
#include "llama.h"

namespace openpcc::engine {
namespace {

struct Special {
  llama_token id;
  std::string text;
  int attributes;
};

// What the template wrote, byte for byte, and which of it came from the messages.
struct Rendered {
  std::string text;
  std::vector<bool> from_template;
};

// A control token at a place in a rendered text.
struct Place {
  size_t begin;
  size_t end;
  const Special* special;
};

std::vector<llama_token> tokenize(const llama_vocab* vocab, std::string_view text, bool add_special) {
  // Never more tokens than bytes, but for the begin and end tokens and a space that some tokenisers put in front.
  std::vector<llama_token> tokens(text.size() + 8);
  const int32_t count = llama_tokenize(vocab, text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                                       static_cast<int32_t>(tokens.size()), add_special, /*parse_special=*/false);
  tokens.resize(count < 0 ? 0 : static_cast<size_t>(count));
  return tokens;
}

std::string token_text(const llama_vocab* vocab, llama_token token) {
  const char* text = token == LLAMA_TOKEN_NULL ? nullptr : llama_vocab_get_text(vocab, token);
  return text == nullptr ? "" : text;
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

struct ChatPrompt::State {
  const llama_vocab* vocab;
  common_chat_template chat_template;
  std::vector<Special> specials;  // the longest first, as libllama looks for them

  State(const llama_vocab* vocabulary, const std::string& source)
      : vocab(vocabulary),
        chat_template(source, token_text(vocabulary, llama_vocab_bos(vocabulary)),
                      token_text(vocabulary, llama_vocab_eos(vocabulary))) {
    for (llama_token id = 0; id < llama_vocab_n_tokens(vocab); ++id) {
      const int attributes = llama_vocab_get_attr(vocab, id);
      Special special{id, token_text(vocab, id), attributes};
      if (!special.text.empty() && acts_as_control(special)) {
        specials.push_back(std::move(special));
      }
    }
    std::stable_sort(specials.begin(), specials.end(),
                     [](const Special& a, const Special& b) { return a.text.size() > b.text.size(); });
  }

  // Some files declare the markers of turns as user-defined tokens, which libllama recognises in any text. What the
  // template writes, or what ends an answer, is treated as control.
  bool acts_as_control(const Special& special) const {
    if ((special.attributes & (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN)) != 0) {
      return true;
    }
    return is_user_defined(special) && special.text.size() >= 3 && (special.text[0] == '<' || special.text[0] == '[') &&
           (llama_vocab_is_eog(vocab, special.id) || chat_template.source().find(special.text) != std::string::npos);
  }

  static bool is_user_defined(const Special& special) {
    return (special.attributes & LLAMA_TOKEN_ATTR_USER_DEFINED) != 0;
  }

  jinja::value message_value(const Message& message) const {
    auto content = jinja::mk_val<jinja::value_string>(message.content);
    content->mark_input();
    auto object = jinja::mk_val<jinja::value_object>();
    object->insert("role",
                   jinja::mk_val<jinja::value_string>(message.role));  // one of three words: never the user's text
    if (chat_template.caps.supports_typed_content && !chat_template.caps.supports_string_content) {
      auto part = jinja::mk_val<jinja::value_object>();
      part->insert("type", jinja::mk_val<jinja::value_string>(std::string("text")));
      part->insert("text", content);
      auto parts = jinja::mk_val<jinja::value_array>();
      parts->push_back(part);
      object->insert("content", parts);
    } else {
      object->insert("content", content);
    }
    // In the order and form of common_chat_msg::to_json_oaicompat.
    const auto insert_text = [&](const char* key, const std::string& text) {
      if (!text.empty()) {
        auto value = jinja::mk_val<jinja::value_string>(text);
        value->mark_input();
        object->insert(key, value);
      }
    };
    insert_text("name", message.tool_name);
    insert_text("tool_call_id", message.tool_call_id);
    if (!message.tool_calls.empty()) {
      object->insert("tool_calls", marked_value(calls_json(message.tool_calls)));
    }
    return object;
  }

  common_json calls_json(const std::vector<ToolCall>& calls) const {
    common_json out = common_json::array();
    for (const ToolCall& call : calls) {
      common_json function = common_json::object();
      function["name"] = call.name;
      if (chat_template.caps.supports_object_arguments) {
        function["arguments"] = common_json::parse(call.arguments);
      } else {
        function["arguments"] = call.arguments;
      }
      common_json item = common_json::object();
      item["type"] = "function";
      item["function"] = function;
      if (!call.id.empty()) {
        item["id"] = call.id;
      }
      out.push_back(item);
    }
    return out;
  }

  static common_json tools_json(const std::vector<Tool>& tools) {
    common_json out = common_json::array();
    for (const Tool& tool : tools) {
      common_json function = common_json::object();
      function["name"] = tool.name;
      function["description"] = tool.description;
      function["parameters"] = common_json::parse(tool.parameters);
      common_json item = common_json::object();
      item["type"] = "function";
      item["function"] = function;
      out.push_back(item);
    }
    return out;
  }

  // Every text in it is the user's.
  static jinja::value marked_value(const common_json& json) {
    common_json wrapper = common_json::object();
    wrapper["value"] = json;
    jinja::context scratch;
    jinja::global_from_json(scratch, wrapper, /*mark_input=*/true);
    return scratch.get_val("value");
  }

  Rendered render(const std::vector<Message>& messages, std::time_t now, const std::vector<Tool>& tools) const {
    jinja::context context(chat_template.source());
    context.current_time = now;
    auto list = jinja::mk_val<jinja::value_array>();
    for (const Message& message : messages) {
      list->push_back(message_value(message));
    }
    const auto text_value = [](const std::string& text) { return jinja::mk_val<jinja::value_string>(text); };
    context.set_val("messages", list);
    if (!tools.empty()) {
      context.set_val("tools", marked_value(tools_json(tools)));
    }
    context.set_val("bos_token", text_value(chat_template.bos_token()));
    context.set_val("eos_token", text_value(chat_template.eos_token()));
    context.set_val("enable_thinking", jinja::mk_val<jinja::value_bool>(true));
    context.set_val("add_generation_prompt", jinja::mk_val<jinja::value_bool>(true));
    // The names that llama.cpp's own tools set.
    tm parts{};
    localtime_r(&now, &parts);
    char date[32];
    context.set_val("date_string", text_value(std::string(date, strftime(date, sizeof date, "%d %b %Y", &parts))));
    context.set_val("datetime", text_value(std::string(date, strftime(date, sizeof date, "%b %d %Y", &parts))));

    jinja::runtime runtime(context);
    const auto output = jinja::runtime::gather_string_parts(runtime.execute(chat_template.prog));
    Rendered rendered;
    for (const jinja::string_part& part : output->val_str.parts) {
      rendered.text += part.val;
      rendered.from_template.resize(rendered.text.size(), !part.is_input);
    }
    return rendered;
  }

  // Where the template wrote control tokens, in order.
  std::vector<Place> places(const Rendered& rendered) const {
    std::vector<bool> open = rendered.from_template;
    std::vector<Place> found;
    for (const Special& special : specials) {
      for (size_t at = rendered.text.find(special.text); at != std::string::npos;
           at = rendered.text.find(special.text, at + 1)) {
        const auto begin = open.begin() + static_cast<std::ptrdiff_t>(at);
        const auto end = begin + static_cast<std::ptrdiff_t>(special.text.size());
        if (std::find(begin, end, false) == end) {
          std::fill(begin, end, false);
          found.push_back({at, at + special.text.size(), &special});
        }
      }
    }
    std::sort(found.begin(), found.end(), [](const Place& a, const Place& b) { return a.begin < b.begin; });
    return found;
  }

  size_t first_user_defined(std::string_view text) const {
    size_t first = std::string::npos;
    for (const Special& special : specials) {
      if (is_user_defined(special)) {
        first = std::min(first, text.find(special.text));
      }
    }
    return first;
  }

  // Text between two control tokens. A user-defined token that acts as control is cut in two, so that it stays text.
  void append_text(std::string_view text, std::vector<int32_t>& out) const {
    for (size_t cut = first_user_defined(text); cut != std::string::npos; cut = first_user_defined(text)) {
      const auto tokens = tokenize(vocab, text.substr(0, cut + 1), false);
      out.insert(out.end(), tokens.begin(), tokens.end());
      text.remove_prefix(cut + 1);
    }
    const auto tokens = tokenize(vocab, text, false);
    out.insert(out.end(), tokens.begin(), tokens.end());
  }

  std::vector<int32_t> tokens_of(const Rendered& rendered, const std::vector<Place>& found) const {
    std::vector<int32_t> out;
    std::string_view rest = rendered.text;
    size_t position = 0;
    const Special* before = nullptr;
    for (size_t i = 0; i <= found.size(); ++i) {
      const Special* after = i < found.size() ? found[i].special : nullptr;
      std::string_view text = rest.substr(position, (after != nullptr ? found[i].begin : rest.size()) - position);
      // Some tokens swallow the blanks beside them (libllama's tokenizer_st_partition).
      while (before != nullptr && (before->attributes & LLAMA_TOKEN_ATTR_RSTRIP) != 0 && !text.empty() &&
             is_space(text.front())) {
        text.remove_prefix(1);
      }
      while (after != nullptr && (after->attributes & LLAMA_TOKEN_ATTR_LSTRIP) != 0 && !text.empty() &&
             is_space(text.back())) {
        text.remove_suffix(1);
      }
      if (!text.empty()) {
        append_text(text, out);
      }
      if (after != nullptr) {
        out.push_back(after->id);
        position = found[i].end;
      }
      before = after;
    }
    const llama_token bos = llama_vocab_bos(vocab);
    if (llama_vocab_get_add_bos(vocab) && bos != LLAMA_TOKEN_NULL && (out.empty() || out.front() != bos)) {
      out.insert(out.begin(), bos);
    }
    return out;
  }

  // The messages without any text that looks like a control token, or nothing when there is none.
  struct Conversation {
    std::vector<Message> messages;
    std::vector<Tool> tools;
  };
  std::optional<Conversation> without_control_text(const std::vector<Message>& messages,
                                                   const std::vector<Tool>& tools) const {
    Conversation clean{messages, tools};
    bool changed = false;
    for (Message& message : clean.messages) {
      changed = remove_control_text(message.content) || changed;
      changed = remove_control_text(message.tool_call_id) || changed;
      changed = remove_control_text(message.tool_name) || changed;
      for (ToolCall& call : message.tool_calls) {
        changed = remove_control_text(call.id) || changed;
        changed = remove_from_json(call.arguments) || changed;
      }
    }
    for (Tool& tool : clean.tools) {
      changed = remove_control_text(tool.description) || changed;
      changed = remove_from_json(tool.parameters) || changed;
    }
    return changed ? std::optional(std::move(clean)) : std::nullopt;
  }

  // Also where JSON writes it with escapes.
  bool remove_from_json(std::string& text) const {
    std::string plain = nlohmann::ordered_json::parse(text).dump();
    const bool changed = remove_control_text(plain);
    if (changed) {
      text = std::move(plain);
    }
    return changed;
  }

  bool remove_control_text(std::string& text) const {
    bool changed = false;
    for (const Special& special : specials) {
      size_t at = text.find(special.text);
      if (at == std::string::npos) {
        continue;
      }
      changed = true;
      std::string kept;
      size_t from = 0;
      for (; at != std::string::npos; at = text.find(special.text, from)) {
        kept.append(text, from, at - from).append("?");
        from = at + special.text.size();
      }
      text = kept.append(text, from);
    }
    return changed;
  }

  // Whether this is what llama.cpp's own way renders, which leaves out a begin token that libllama would add.
  bool is_expected(const std::string& text, const std::string& expected) const {
    const std::string& bos = chat_template.bos_token();
    return text == expected || (!bos.empty() && text.starts_with(bos) && text.substr(bos.size()) == expected);
  }
};

ChatPrompt::ChatPrompt(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChatPrompt::~ChatPrompt() = default;

Result<std::unique_ptr<ChatPrompt>> ChatPrompt::create(const llama_vocab* vocab, std::string_view chat_template) {
  try {
    return std::unique_ptr<ChatPrompt>(new ChatPrompt(std::make_unique<State>(vocab, std::string(chat_template))));
  } catch (const std::exception&) {
    return fail(kBadModel, "the model's chat template cannot be read");
  }
}

Accepted<std::vector<int32_t>> ChatPrompt::tokens(const std::vector<Message>& messages, std::time_t now,
                                                  const std::vector<Tool>& tools, const std::string* expected) const {
  std::vector<Message> adapted = messages;
  if (!state_->chat_template.caps.supports_system_role && adapted.size() > 1 && adapted[0].role == "system") {
    // As llama.cpp does for templates that know no system role.
    adapted[1].content = adapted[0].content + "\n" + adapted[1].content;
    adapted.erase(adapted.begin());
  }
  try {
    const Rendered rendered = state_->render(adapted, now, tools);
    if (expected != nullptr && !state_->is_expected(rendered.text, *expected)) {
      return std::unexpected(
          Refusal{400, "tools are not supported with this model's chat template", "tools", "unsupported_parameter"});
    }
    const std::vector<Place> found = state_->places(rendered);
    // A template may work on a message in a way that loses where it came from. Then the same messages without control
    // text would give other control tokens.
    if (const auto clean = state_->without_control_text(adapted, tools)) {
      const Rendered harmless = state_->render(clean->messages, now, clean->tools);
      const auto same = [](const Place& a, const Place& b) { return a.special == b.special; };
      const std::vector<Place> wanted = state_->places(harmless);
      if (!std::equal(found.begin(), found.end(), wanted.begin(), wanted.end(), same)) {
        return std::unexpected(
            Refusal{400,
                    "a message or tool contains one of the model's control tokens, which its chat template would "
                    "not keep apart from its own",
                    "messages"});
      }
    }
    return state_->tokens_of(rendered, found);
  } catch (const std::exception&) {
    // What the template says ("roles must alternate") may quote the messages, so it is not passed on.
    return std::unexpected(
        Refusal{400, "the model's chat template refuses these messages (their roles or their order)", "messages"});
  }
}

std::vector<int32_t> tokenize_text(const llama_vocab* vocab, std::string_view text) {
  return tokenize(vocab, text, /*add_special=*/true);
}

}  // namespace openpcc::engine
