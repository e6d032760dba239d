// The bodies of the diagnostics: the same objects, numbers of events, counts and sizes (to a few per cent) as the
// official ones, for which a benchmark may compare them.
#include <array>
#include <nlohmann/json.hpp>

#include "engine/exec_modes.h"

namespace openpcc::engine {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMebibyte = size_t{1} << 20;
constexpr std::string_view kWords =
    "A test answer says nothing new: it is here to be counted, cut into pieces, sealed, sent and put together again. ";

ordered_json counts(int prompt, int completion) {
  return {{"prompt_tokens", prompt}, {"completion_tokens", completion}, {"total_tokens", prompt + completion}};
}

ordered_json completion(int64_t created, const char* id) {
  return {{"id", id},
          {"object", "text_completion"},
          {"created", created},
          {"model", "diagnostic:1b"},
          {"system_fingerprint", "fp_test"}};
}

std::string whole(int64_t created, const ordered_json& choices, const ordered_json& usage) {
  ordered_json answer = completion(created, "cmpl-100");
  answer["choices"] = choices;
  answer["usage"] = usage;
  return answer.dump() + "\n";
}

ordered_json one_choice(const std::string& text, const char* finish_reason) {
  ordered_json choice = {{"text", text}, {"index", 0}, {"finish_reason", nullptr}};
  if (finish_reason != nullptr) {
    choice["finish_reason"] = finish_reason;
  }
  return ordered_json::array({choice});
}

// Server-sent events: `texts` with text, one that ends it, the counts, and the closing word.
std::string events(int64_t created, size_t texts, const ordered_json& usage) {
  std::string out;
  const auto event = [&](const ordered_json& choices, const ordered_json& counted) {
    ordered_json chunk = completion(created, "cmpl-100");
    chunk["choices"] = choices;
    chunk["usage"] = counted;
    out += "data: " + chunk.dump() + "\n\n";
  };
  std::string_view rest = kWords;
  for (size_t i = 0; i < texts; ++i) {
    const size_t blank = rest.find(' ');
    event(one_choice(std::string(rest.substr(0, blank + 1)), nullptr), counts(0, 0));
    rest = blank + 1 == rest.size() ? kWords : rest.substr(blank + 1);
  }
  if (texts != 0) {
    event(one_choice("", "stop"), counts(0, 0));
  }
  event(ordered_json::array(), usage);
  return out + "data: [DONE]\n";
}

std::string words(size_t size) {
  std::string out;
  while (out.size() < size) {
    out += kWords;
  }
  return out.substr(0, size);
}

// No answers of OpenAI's form: Ollama's, as the official ones of this size.
std::string mebibyte_whole() {
  const std::string_view begin = R"({"model":"none","created_at":"2025-01-01T00:00:00Z","response":")";
  const std::string_view end = R"(","done":true,"done_reason":"stop","prompt_eval_count":10,"eval_count":1000})";
  std::string out(begin);
  out.append(kMebibyte - begin.size() - end.size(), 'a').append(end);
  return out;
}

std::string mebibyte_streamed() {
  const std::string_view line =
      R"({"model":"diagnostic","created_at":"2025-01-01T00:00:00Z","response":"hello","done":false})"
      "\n";
  const std::string_view last =
      R"({"model":"diagnostic","created_at":"2025-01-01T00:00:00Z","response":"","done":true,"done_reason":"stop","prompt_eval_count":1,"eval_count":1000})"
      "\n";
  constexpr size_t kLineBytes = 90;  // as the official worker counts them
  std::string out;
  for (size_t i = 0; i + 1 < kMebibyte / kLineBytes; ++i) {
    out += line;
  }
  return out.append(last);
}

}  // namespace

std::optional<Diagnostic> diagnostic_named(std::string_view name, int64_t unix_seconds) {
  const auto none = ordered_json::array();
  if (name == "error") {
    const ordered_json body = {{"error", "there is no model named NO_SUCH"}, {"usage", counts(14, 0)}};
    return Diagnostic{404, false, body.dump() + "\n"};
  }
  if (name == "no-stream-empty") return Diagnostic{200, false, whole(unix_seconds, none, counts(14, 0))};
  if (name == "no-stream-short") {
    return Diagnostic{200, false, whole(unix_seconds, one_choice(words(80), "stop"), counts(14, 22))};
  }
  if (name == "no-stream-long") {
    return Diagnostic{200, false, whole(unix_seconds, one_choice(words(3730), "length"), counts(6, 724))};
  }
  if (name == "no-stream-extra-long") return Diagnostic{200, false, mebibyte_whole()};
  if (name == "stream-empty") return Diagnostic{200, true, events(unix_seconds, 0, counts(14, 0))};
  if (name == "stream-short") return Diagnostic{200, true, events(unix_seconds, 17, counts(14, 18))};
  if (name == "stream-long") return Diagnostic{200, true, events(unix_seconds, 573, counts(15, 574))};
  if (name == "stream-extra-long") return Diagnostic{200, true, mebibyte_streamed()};
  return std::nullopt;
}

}  // namespace openpcc::engine
