#include "engine/stream_end.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace openpcc::engine {

using nlohmann::json;

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

bool says(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && *found == true;
}

bool has_error(const json& object) {
  const auto found = object.find("error");
  return found != object.end() && (found->is_object() || found->is_string()) && !found->empty() && *found != "";
}

}  // namespace

bool is_stream(const Request& request, std::string_view content_type) {
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  const bool is_ollama = !request.path.starts_with("/v1/");
  if (type != (is_ollama ? "application/x-ndjson" : "text/event-stream")) return false;
  const json asked = json::parse(request.body.begin(), request.body.end(), nullptr, false);
  if (!asked.is_object()) return false;
  const auto stream = asked.find("stream");
  return stream == asked.end() || stream->is_null() ? is_ollama : *stream == true;
}

void StreamEnd::feed(ByteView piece) {
  lines_.feed(piece, [this](WipedBytes& line, bool too_long) { end_line(line, too_long); });
}

void StreamEnd::end_line(ByteView line, bool too_long) {
  std::string_view text = trimmed(as_text(line));
  if (!is_ollama_) {
    constexpr std::string_view kEvent = "data:";
    text = text.starts_with(kEvent) ? trimmed(text.substr(kEvent.size())) : std::string_view();
    seen_ = seen_ || text == "[DONE]";
  }
  // Only lines that may be an end are parsed: most are text.
  constexpr std::string_view kKeys[] = {"\"error\"", "\"done\""};
  const auto has = [&](std::string_view key) { return text.find(key) != std::string_view::npos; };
  if (!seen_ && !too_long && (has(kKeys[0]) || (is_ollama_ && has(kKeys[1])))) {
    const json object = json::parse(text.begin(), text.end(), nullptr, false);
    seen_ = object.is_object() && (has_error(object) || (is_ollama_ && says(object, "done")));
  }
}

bool StreamEnd::seen() {
  lines_.finish([this](WipedBytes& line, bool too_long) { end_line(line, too_long); });
  return seen_;
}

}  // namespace openpcc::engine
