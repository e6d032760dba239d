#include "worker/body_fields.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include "worker/json_text.h"
#include "worker/validate_body.h"

namespace openpcc::worker {
namespace {

enum class Kind { kText, kFlag, kInteger, kNumber, kIntegerOrFlag, kObject, kList, kObjects, kAny, kMessages, kStream };

struct FieldType {
  std::string_view name;
  Kind kind;
};

// The order is that of the official structs (confidentcompute computeworker/input_validators.go). Fields after a line
// "ours" are more than the official worker takes.
constexpr FieldType kGenerate[] = {
    {"model", Kind::kText},    {"options", Kind::kObject}, {"prompt", Kind::kText},
    {"stream", Kind::kFlag},   {"system", Kind::kText},    {"suffix", Kind::kText},
    {"template", Kind::kText}, {"keep_alive", Kind::kAny}, {"format", Kind::kAny},  // ours
    {"raw", Kind::kFlag},
};
constexpr FieldType kChat[] = {
    {"model", Kind::kText},     {"messages", Kind::kObjects}, {"tools", Kind::kObjects},
    {"format", Kind::kAny},  // official: an object; "json" is ours
    {"options", Kind::kObject}, {"stream", Kind::kFlag},      {"keep_alive", Kind::kAny},
};
constexpr FieldType kCompletions[] = {
    {"model", Kind::kText},
    {"prompt", Kind::kText},
    {"best_of", Kind::kInteger},
    {"echo", Kind::kFlag},
    {"frequency_penalty", Kind::kNumber},  // official: an integer, as presence_penalty and top_p
    {"logit_bias", Kind::kObject},
    {"logprobs", Kind::kInteger},
    {"max_tokens", Kind::kInteger},
    {"n", Kind::kInteger},
    {"presence_penalty", Kind::kNumber},
    {"seed", Kind::kInteger},
    {"stop", Kind::kAny},
    {"stream", Kind::kFlag},
    {"stream_options", Kind::kStream},
    {"suffix", Kind::kText},
    {"temperature", Kind::kNumber},
    {"top_p", Kind::kNumber},
    {"user", Kind::kText},
    {"repetition_penalty", Kind::kNumber},
    {"ignore_eos", Kind::kFlag},
    {"top_k", Kind::kInteger},  // ours
    {"min_p", Kind::kNumber},
};
constexpr FieldType kChatCompletions[] = {
    {"messages", Kind::kMessages},
    {"model", Kind::kText},
    {"frequency_penalty", Kind::kNumber},
    {"function_call", Kind::kAny},
    {"functions", Kind::kList},
    {"logit_bias", Kind::kObject},
    {"logprobs", Kind::kIntegerOrFlag},  // official: an integer
    {"max_completion_tokens", Kind::kInteger},
    {"max_tokens", Kind::kInteger},
    {"metadata", Kind::kObject},
    {"n", Kind::kInteger},
    {"parallel_tool_calls", Kind::kFlag},
    {"prediction", Kind::kAny},
    {"presence_penalty", Kind::kNumber},
    {"response_format", Kind::kAny},
    {"seed", Kind::kInteger},
    {"stop", Kind::kAny},
    {"stream", Kind::kFlag},
    {"stream_options", Kind::kStream},
    {"temperature", Kind::kNumber},
    {"tool_choice", Kind::kAny},
    {"tools", Kind::kList},
    {"top_logprobs", Kind::kInteger},
    {"top_p", Kind::kNumber},
    {"user", Kind::kText},
    {"repetition_penalty", Kind::kNumber},
    {"ignore_eos", Kind::kFlag},
    {"top_k", Kind::kInteger},  // ours
    {"min_p", Kind::kNumber},
};
constexpr FieldType kMessage[] = {
    {"content", Kind::kAny},  {"role", Kind::kText},       {"name", Kind::kText},         {"audio", Kind::kAny},
    {"refusal", Kind::kText}, {"tool_calls", Kind::kList}, {"tool_call_id", Kind::kText},  // ours
};
constexpr FieldType kStreamOptions[] = {{"include_usage", Kind::kFlag}};

using Fields = std::span<const FieldType>;

Fields fields_of(std::string_view path) {
  if (path == "/api/generate") return kGenerate;
  if (path == "/api/chat") return kChat;
  if (path == "/v1/completions") return kCompletions;
  return kChatCompletions;
}

std::unexpected<Refusal> bad_json(std::string why) {
  return refuse("ErrInvalidJSON", "failed to decode request body: " + std::move(why));
}

// A key as Go compares it with a field's name: without regard to case, of which the long s and the Kelvin sign are
// part.
std::string folded(std::string_view key) {
  std::string out;
  while (!key.empty()) {
    const std::string_view long_s = "\u017f", kelvin = "\u212a";
    const char c = key.front();
    if (key.starts_with(long_s)) {
      out += 's';
      key.remove_prefix(long_s.size());
    } else if (key.starts_with(kelvin)) {
      out += 'k';
      key.remove_prefix(kelvin.size());
    } else {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      key.remove_prefix(1);
    }
  }
  return out;
}

const FieldType* find_field(Fields fields, std::string_view key) {
  const std::string name = folded(key);
  const auto field = std::find_if(fields.begin(), fields.end(), [&](const FieldType& f) { return f.name == name; });
  return field == fields.end() ? nullptr : &*field;
}

Checked<Json> take_fields(Fields fields, Json& object);

bool is_integer(const Json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX);
  return value.is_number_integer();
}

bool fits(Kind kind, const Json& value) {
  switch (kind) {
    case Kind::kText:
      return value.is_string();
    case Kind::kFlag:
      return value.is_boolean();
    case Kind::kInteger:
      return is_integer(value);
    case Kind::kNumber:
      return value.is_number();
    case Kind::kIntegerOrFlag:
      return is_integer(value) || value.is_boolean();
    case Kind::kObject:
    case Kind::kStream:
      return value.is_object();
    case Kind::kList:
    case Kind::kMessages:
      return value.is_array();
    case Kind::kObjects:
      return value.is_array() && std::all_of(value.begin(), value.end(),
                                             [](const Json& item) { return item.is_object() || item.is_null(); });
    case Kind::kAny:
      return true;
  }
  return false;
}

Checked<Json> take_value(const FieldType& field, Json& value) {
  if (!fits(field.kind, value)) return bad_json("wrong type of value for field " + std::string(field.name));
  if (field.kind == Kind::kStream) return take_fields(kStreamOptions, value);
  if (field.kind != Kind::kMessages) return std::move(value);
  Json messages = Json::array();
  for (Json& item : value) {
    if (item.is_null()) item = Json::object();
    if (!item.is_object()) return bad_json("wrong type of value for field messages");
    auto message = take_fields(kMessage, item);
    if (!message) return message;
    messages.push_back(std::move(*message));
  }
  return messages;
}

Checked<Json> take_fields(Fields fields, Json& object) {
  std::vector<Json*> found(fields.size(), nullptr);
  for (auto it = object.begin(); it != object.end(); ++it) {
    const FieldType* field = find_field(fields, it.key());
    if (field == nullptr) return bad_json("json: unknown field " + go_json_string(it.key()));
    found[static_cast<size_t>(field - fields.data())] = &*it;
  }
  Json out = Json::object();
  for (size_t i = 0; i < fields.size(); ++i) {
    if (found[i] == nullptr || found[i]->is_null()) continue;
    auto value = take_value(fields[i], *found[i]);
    if (!value) return value;
    out[std::string(fields[i].name)] = std::move(*value);
  }
  return out;
}

constexpr std::string_view kBlanks = " \t\r\n";

// Where the object that begins the text ends; npos when it does not. Text that is no JSON gives some place, at which
// the parser then stops.
size_t end_of_object(std::string_view text) {
  size_t depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) return i + 1;
    }
  }
  return std::string_view::npos;
}

// The keys of one object in which each field may be written in any case: the last that the text has for a field counts.
class Spellings {
 public:
  void add(const std::string& key) {
    const auto [last, is_first] = last_.try_emplace(folded(key), key);
    if (!is_first) outdone_.push_back(std::exchange(last->second, key));
  }
  void keep_last(Json& object) const {
    for (const std::string& key : outdone_) {
      if (last_.at(folded(key)) != key) object.erase(key);
    }
  }

 private:
  std::map<std::string, std::string> last_;  // as compared, as written
  std::vector<std::string> outdone_;
};

struct TooMuch {};

// Watches the parser: ends it where the text is too deep or too wide, and leaves one spelling of each field. Keys
// inside untyped values are the engine's, and differ by case.
class ParserGuard {
 public:
  explicit ParserGuard(Fields fields) : fields_(fields) {}

  bool operator()(int depth, Json::parse_event_t event, Json& value) {
    if (depth > kMaxDepth) throw TooMuch();
    if (event == Json::parse_event_t::object_start && has_fields(depth)) {
      open_[static_cast<size_t>(depth)] = {};
    } else if (event == Json::parse_event_t::object_end && has_fields(depth)) {
      open_[static_cast<size_t>(depth)].keep_last(value);
    } else if (event == Json::parse_event_t::key) {
      if (++keys_ > kMaxKeys) throw TooMuch();
      const auto& key = value.get_ref<const std::string&>();
      if (depth == 1) field_ = find_field(fields_, key);
      if (has_fields(depth - 1)) open_[static_cast<size_t>(depth - 1)].add(key);
    }
    return true;
  }

 private:
  // Of the object at this depth: the request, its stream_options, or one of its messages.
  [[nodiscard]] bool has_fields(int depth) const {
    if (depth == 0) return true;
    if (field_ == nullptr) return false;
    return (depth == 1 && field_->kind == Kind::kStream) || (depth == 2 && field_->kind == Kind::kMessages);
  }

  Fields fields_;
  const FieldType* field_ = nullptr;  // of the request, where the parser is
  std::array<Spellings, 3> open_;
  size_t keys_ = 0;
};

Checked<Json> parse_object(Fields fields, std::string_view text) {
  const WipedBytes repaired = repair_json(text);
  ParserGuard guard(fields);
  try {
    return Json::parse(repaired.begin(), repaired.end(), std::ref(guard));
  } catch (const TooMuch&) {
    return bad_json("exceeded max depth or number of keys");
  } catch (const std::exception&) {
    // The library's text would quote the request; the place alone would help nobody.
    return bad_json("invalid JSON");
  }
}

}  // namespace

Checked<Json> parse_request(std::string_view path, ByteView body) {
  std::string_view text = as_text(body);
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  if (text.starts_with("null")) return refuse("ErrInvalidJSON", "null request body");
  if (!text.starts_with('{')) return bad_json("not a JSON object");
  const size_t end = end_of_object(text);
  if (end == std::string_view::npos) return bad_json("unexpected EOF");
  const Fields fields = fields_of(path);
  auto object = parse_object(fields, text.substr(0, end));
  if (!object) return object;
  auto request = take_fields(fields, *object);
  if (!request) return request;
  // Go's decoder looks for more where the next character does not close something.
  const size_t next = text.find_first_not_of(kBlanks, end);
  if (next != std::string_view::npos && text[next] != '}' && text[next] != ']') {
    return refuse("ErrMultipleJSONObjects", "multiple JSON objects in request body");
  }
  return request;
}

}  // namespace openpcc::worker
