#include "engine/counted_answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace openpcc::engine {

using nlohmann::json;

namespace {

constexpr double kMostCounted = 1e15;  // exact as a double, and far from an int64_t's end

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// The JSON object of a line of an OpenAI answer, streamed or whole; empty: it is another line.
std::string_view object_of(std::string_view line) {
  constexpr std::string_view kEvent = "data: ";
  line = trimmed(line);
  if (line.starts_with(kEvent)) line.remove_prefix(kEvent.size());
  return line.starts_with('{') && line.ends_with('}') ? line : std::string_view();
}

std::optional<int64_t> count_at(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const auto count = found->get<double>();
  // A negative count would be paid back.
  if (!(count >= 0 && count <= kMostCounted)) return std::nullopt;
  return static_cast<int64_t>(count);
}

}  // namespace

void CountedAnswer::feed(ByteView piece) {
  lines_.feed(piece, [this](WipedBytes& line, bool too_long) { end_line(line, too_long); });
}

void CountedAnswer::end_line(WipedBytes& line, bool too_long) {
  if (too_long) {
    counted_.clear();  // it may have been the one with the counts
  } else if (is_ollama_ || !object_of(as_text(line)).empty()) {
    counted_.swap(line);
  }
}

std::optional<Usage> CountedAnswer::finish() {
  lines_.finish([this](WipedBytes& line, bool too_long) { end_line(line, too_long); });
  const std::string_view text = is_ollama_ ? as_text(counted_) : object_of(as_text(counted_));
  const json answer = json::parse(text.begin(), text.end(), nullptr, false);
  if (!answer.is_object()) return std::nullopt;
  const json counts = is_ollama_ ? answer : answer.value("usage", json());
  if (!counts.is_object()) return std::nullopt;
  const auto input = count_at(counts, is_ollama_ ? "prompt_eval_count" : "prompt_tokens");
  const auto output = count_at(counts, is_ollama_ ? "eval_count" : "completion_tokens");
  if (!input || !output) return std::nullopt;
  return Usage{.input_tokens = *input, .output_tokens = *output};
}

}  // namespace openpcc::engine
