#include "answer_json.h"

#include <nlohmann/json.hpp>

namespace openpcc::sdk {
namespace {

using Json = nlohmann::json;

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

const std::string* text_of(const Json& object, const char* key) {
  const Json* value = member(object, key);
  return value == nullptr ? nullptr : value->get_ptr<const Json::string_t*>();
}

std::optional<int64_t> count_of(const Json& object, const char* key) {
  const Json* value = member(object, key);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  return value->get<int64_t>();
}

// The text of a choice: a piece of a stream ("delta"), a whole message, or that of a plain completion. False for what
// holds something else than text, such as tool calls: dropping that silently would change the answer.
bool read_choice(const Json& choice, AnswerPart& part) {
  if (!choice.is_object()) return false;
  if (const auto index = count_of(choice, "index"); index && *index != 0) return false;
  if (const std::string* reason = text_of(choice, "finish_reason")) part.finish_reason = *reason;
  if (const std::string* text = text_of(choice, "text")) {
    part.text += *text;
    return true;
  }
  const Json* message = member(choice, "delta");
  if (message == nullptr) message = member(choice, "message");
  if (message == nullptr || !message->is_object()) return false;
  for (const char* other : {"tool_calls", "function_call", "audio"}) {
    const Json* value = member(*message, other);
    if (value != nullptr && !(value->is_array() && value->empty())) return false;
  }
  if (const Json* content = member(*message, "content")) {
    const auto* text = content->get_ptr<const Json::string_t*>();
    if (text == nullptr) return false;
    part.text += *text;
  } else if (const std::string* refusal = text_of(*message, "refusal")) {
    part.text += *refusal;
  }
  return true;
}

std::optional<AnswerPart> read_openai(const Json& object) {
  const Json* choices = member(object, "choices");
  if (choices == nullptr || !choices->is_array()) return std::nullopt;
  AnswerPart part{AnswerShape::kOpenAi, {}, {}, {}};
  for (const Json& choice : *choices) {
    if (!read_choice(choice, part)) return std::nullopt;
  }
  if (const Json* usage = member(object, "usage")) {
    const auto prompt = count_of(*usage, "prompt_tokens");
    const auto completion = count_of(*usage, "completion_tokens");
    if (prompt || completion) part.usage = Usage{prompt.value_or(0), completion.value_or(0)};
  }
  return part;
}

std::optional<AnswerPart> read_ollama(const Json& object) {
  const Json* done = member(object, "done");
  if (done == nullptr || !done->is_boolean()) return std::nullopt;
  AnswerPart part{AnswerShape::kOllama, {}, {}, {}};
  if (const std::string* response = text_of(object, "response")) {
    part.text = *response;
  } else if (const Json* message = member(object, "message")) {
    const std::string* content = text_of(*message, "content");
    if (content == nullptr || member(*message, "tool_calls") != nullptr) return std::nullopt;
    part.text = *content;
  } else {
    return std::nullopt;
  }
  if (done->get<bool>()) {
    const std::string* reason = text_of(object, "done_reason");
    part.finish_reason = reason == nullptr ? "stop" : *reason;
    const auto prompt = count_of(object, "prompt_eval_count");
    const auto completion = count_of(object, "eval_count");
    if (prompt || completion) part.usage = Usage{prompt.value_or(0), completion.value_or(0)};
  }
  return part;
}

}  // namespace

std::optional<AnswerPart> read_answer_part(std::string_view json) {
  const Json object = Json::parse(json.begin(), json.end(), nullptr, false);
  if (!object.is_object()) return std::nullopt;
  if (auto part = read_openai(object)) return part;
  return read_ollama(object);
}

AnswerState read_answer_state(std::string_view json) {
  AnswerState state;
  const Json object = Json::parse(json.begin(), json.end(), nullptr, false);
  if (const Json* error = member(object, "error")) {
    // OpenAI's {"error":{"message":…}}, Ollama's {"error":"…"}. An empty one says that there is none.
    if (const std::string* text = error->get_ptr<const Json::string_t*>()) {
      if (!text->empty()) state.error = *text;
    } else if (error->is_object() && !error->empty()) {
      const std::string* message = text_of(*error, "message");
      state.error = message == nullptr ? std::string() : *message;
    }
  }
  if (const Json* done = member(object, "done")) state.over = done->is_boolean() && done->get<bool>();
  if (const Json* choices = member(object, "choices"); choices != nullptr && choices->is_array()) {
    for (const Json& choice : *choices) state.over = state.over || text_of(choice, "finish_reason") != nullptr;
  }
  return state;
}

}  // namespace openpcc::sdk
