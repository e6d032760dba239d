#include "engine/usage_tail.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace openpcc::engine {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\v\f";
  const size_t from = text.find_first_not_of(kBlank);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlank) - from + 1);
}

// A count as Go reads it from a JSON number, in so far as it can be one.
std::optional<int64_t> count_of(const nlohmann::json& object, const char* name) {
  constexpr double kMost = 1e15;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  if (!(value >= 0 && value <= kMost) || value != static_cast<double>(static_cast<int64_t>(value))) return std::nullopt;
  return static_cast<int64_t>(value);
}

}  // namespace

void UsageTail::feed(ByteView piece) {
  while (!piece.empty()) {
    const auto newline = std::ranges::find(piece, uint8_t{'\n'});
    const auto size = static_cast<size_t>(newline - piece.begin());
    if (line_.size() + size > kMaxLine) {
      too_long_ = true;
      line_.clear();
    }
    if (!too_long_) line_.insert(line_.end(), piece.begin(), newline);
    if (newline == piece.end()) return;
    end_line();
    piece = piece.subspan(size + 1);
  }
}

void UsageTail::end_line() {
  std::string_view text = trimmed(as_text(line_));
  if (openai_) {
    constexpr std::string_view kData = "data: ";
    if (text.starts_with(kData)) text = trimmed(text.substr(kData.size()));
    if (!too_long_ && !(text.starts_with('{') && text.ends_with('}'))) {
      line_.clear();
      return;
    }
  }
  last_.assign(text.begin(), text.end());
  line_.clear();
  too_long_ = false;
}

std::optional<Usage> UsageTail::finish() {
  if (!line_.empty() || too_long_) end_line();
  const auto object = nlohmann::json::parse(last_.begin(), last_.end(), nullptr, false);
  if (!object.is_object()) return std::nullopt;
  const nlohmann::json* counts = &object;
  if (openai_) {
    const auto usage = object.find("usage");
    if (usage == object.end() || !usage->is_object()) return std::nullopt;
    counts = &*usage;
  }
  const auto input = count_of(*counts, openai_ ? "prompt_tokens" : "prompt_eval_count");
  const auto output = count_of(*counts, openai_ ? "completion_tokens" : "eval_count");
  if (!input || !output) return std::nullopt;
  return Usage{*input, *output};
}

}  // namespace openpcc::engine
