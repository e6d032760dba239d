#include "engine/pattern_fit.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "engine/utf8.h"

namespace openpcc::engine {
namespace {

// What JSON writes with an escape, and DEL, which the converter's own rule for a character leaves out as well.
constexpr std::string_view kEscapedInJson = R"("\\\x7F\x00-\x1F)";
constexpr std::string_view kOperators = "^$.[]()|{}*+?";
constexpr size_t kMaxDepth = 64;  // of groups; the converter recurses

bool is_escaped_in_json(uint32_t c) {
  return c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
}

std::string hex(uint32_t value, int digits) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out += kDigits[(value >> shift) & 15];
  }
  return out;
}

// As a regular expression for the text that stands for the character in a JSON string.
std::string in_json(uint32_t c) {
  switch (c) {
    case '"':
      return R"(\\")";
    case '\\':
      return R"(\\\\)";
    case '\n':
      return R"(\\n)";
    case '\r':
      return R"(\\r)";
    case '\t':
      return R"(\\t)";
    default:
      return R"(\\u)" + hex(c, 4);
  }
}

class Rewriter {
 public:
  explicit Rewriter(std::string_view text) : rest_(text) {}

  std::expected<std::string, PatternFault> run() {
    size_t depth = 0;
    enum { kNothing, kElement, kRepeated } before = kNothing;
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '(') {
        rest_.remove_prefix(rest_.starts_with("(?:") ? 3 : 1);
        if (++depth > kMaxDepth || rest_.starts_with('?')) return unsupported();
        out_ += '(';
        before = kNothing;
      } else if (c == ')') {
        rest_.remove_prefix(1);
        if (depth-- == 0) return invalid();
        out_ += ')';
        before = kElement;
      } else if (c == '|') {
        rest_.remove_prefix(1);
        out_ += '|';
        before = kNothing;
      } else if (c == '*' || c == '+' || c == '?' || c == '{') {
        if (before == kNothing) return invalid();
        // "a+?" is lazy in a regular expression, and perhaps nothing at all in a grammar.
        if (before == kRepeated || !quantifier()) return unsupported();
        before = kRepeated;
      } else {
        if (c == '[' && is_open_class()) return invalid();
        if (rest_ == "\\") return invalid();
        if (!element()) return unsupported();
        before = kElement;
      }
    }
    return depth == 0 ? std::expected<std::string, PatternFault>(std::move(out_)) : invalid();
  }

 private:
  static std::unexpected<PatternFault> invalid() { return std::unexpected(PatternFault::kInvalid); }
  static std::unexpected<PatternFault> unsupported() { return std::unexpected(PatternFault::kUnsupported); }

  [[nodiscard]] bool is_open_class() const {
    size_t at = 1;
    while (at < rest_.size() && rest_[at] != ']') {
      at += rest_[at] == '\\' ? 2 : 1;
    }
    return at >= rest_.size();
  }

  bool element() {
    if (rest_.front() == '.') {
      rest_.remove_prefix(1);
      out_.append("[^").append(kEscapedInJson).append("]");
      return true;
    }
    if (rest_.front() == '[') {
      return char_class();
    }
    const std::string_view from = rest_;
    const auto c = character(kOperators);
    if (!c) return false;
    if (from.front() != '\\' && kOperators.find(from.front()) != std::string_view::npos) return false;
    std::string text(from.substr(0, from.size() - rest_.size()));
    if (*c != 0x7F && is_escaped_in_json(*c)) text = in_json(*c);
    const bool repeated = !rest_.empty() && std::string_view("*+?{").find(rest_.front()) != std::string_view::npos;
    out_ += repeated && text.size() > 1 ? "(" + text + ")" : text;
    return true;
  }

  bool quantifier() {
    if (rest_.front() != '{') {
      out_ += rest_.front();
      rest_.remove_prefix(1);
      return true;
    }
    const size_t end = rest_.find('}');
    if (end == std::string_view::npos) return false;
    const std::string_view inside = rest_.substr(1, end - 1);
    const size_t comma = std::min(inside.find(','), inside.size());
    const auto least = count(inside.substr(0, comma));
    const bool open = comma + 1 == inside.size();
    const auto most = comma >= inside.size() || open ? least : count(inside.substr(comma + 1));
    if (!least || !most || *most < *least) return false;
    out_ += rest_.substr(0, end + 1);
    rest_.remove_prefix(end + 1);
    return true;
  }

  static std::optional<uint32_t> count(std::string_view digits) {
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool whole = error == std::errc() && end == digits.data() + digits.size() && !digits.empty();
    return whole && value <= INT32_MAX ? std::optional(value) : std::nullopt;
  }

  bool char_class() {
    const std::string_view from = rest_;
    rest_.remove_prefix(1);
    const bool negated = rest_.starts_with('^');
    if (negated) rest_.remove_prefix(1);
    const std::string_view body = rest_;
    std::vector<std::pair<uint32_t, uint32_t>> ranges;
    while (!rest_.empty() && rest_.front() != ']') {
      const auto first = character({});
      if (!first) return false;
      auto last = first;
      if (rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') {
        rest_.remove_prefix(1);
        last = character({});
        if (!last || *last < *first) return false;
      }
      ranges.emplace_back(*first, *last);
    }
    if (rest_.empty()) return false;
    const std::string_view inside = body.substr(0, body.size() - rest_.size());
    rest_.remove_prefix(1);
    if (negated) {
      // What is added comes first, and ends with a range: so a "-" that comes next is one.
      out_.append("[^").append(kEscapedInJson).append(inside).append("]");
      return true;
    }
    const std::vector<std::pair<uint32_t, uint32_t>> kept = without_escaped(ranges);
    if (kept == ranges) {
      out_ += from.substr(0, from.size() - rest_.size());
      return !ranges.empty();
    }
    out_ += '[';
    for (const auto& [first, last] : kept) {
      out_ += "\\U" + hex(first, 8) + "-\\U" + hex(last, 8);
    }
    out_ += ']';
    return !kept.empty();
  }

  static std::vector<std::pair<uint32_t, uint32_t>> without_escaped(
      const std::vector<std::pair<uint32_t, uint32_t>>& ranges) {
    std::vector<std::pair<uint32_t, uint32_t>> kept;
    for (auto [first, last] : ranges) {
      for (uint32_t c = first; c <= std::min<uint32_t>(last, 0x7F); ++c) {
        if (is_escaped_in_json(c)) {
          if (c > first) kept.emplace_back(first, c - 1);
          first = c + 1;
        }
      }
      if (first <= last) kept.emplace_back(first, last);
    }
    return kept;
  }

  // The next one, or what an escape stands for that the converter knows, or of these an escaped one.
  std::optional<uint32_t> character(std::string_view operators) {
    if (rest_.front() != '\\') {
      return code_point();
    }
    if (rest_.size() < 2) return std::nullopt;
    const char c = rest_[1];
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits != 0) {
      const std::string_view text = rest_.substr(2, digits);
      uint32_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
      if (text.size() != digits || error != std::errc() || end != text.data() + digits || value > 0x10FFFF) {
        return std::nullopt;
      }
      rest_.remove_prefix(2 + digits);
      return value;
    }
    constexpr std::string_view kThemselves = "\\\"[]-";
    if (kThemselves.find(c) == std::string_view::npos && operators.find(c) == std::string_view::npos && c != 't' &&
        c != 'r' && c != 'n') {
      return std::nullopt;
    }
    rest_.remove_prefix(2);
    const auto plain = static_cast<uint32_t>(static_cast<unsigned char>(c));
    return c == 't' ? uint32_t{'\t'} : c == 'r' ? uint32_t{'\r'} : c == 'n' ? uint32_t{'\n'} : plain;
  }

  // The text is JSON's, and so UTF-8.
  uint32_t code_point() {
    const auto lead = static_cast<unsigned char>(rest_.front());
    const size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t value = size == 1 ? lead : lead & (0xFFU >> (size + 1));
    for (size_t i = 1; i < std::min(size, rest_.size()); ++i) {
      value = value << 6 | (static_cast<unsigned char>(rest_[i]) & 0x3FU);
    }
    rest_.remove_prefix(std::min(size, rest_.size()));
    return value;
  }

  std::string_view rest_;
  std::string out_;
};

}  // namespace

std::expected<std::string, PatternFault> fit_pattern(std::string_view pattern) {
  if (pattern.size() < 2 || pattern.front() != '^' || pattern.back() != '$' || !is_valid_utf8(pattern)) {
    return std::unexpected(PatternFault::kUnsupported);
  }
  auto inside = Rewriter(pattern.substr(1, pattern.size() - 2)).run();
  if (inside) {
    inside = "^" + *inside + "$";
  }
  return inside;
}

}  // namespace openpcc::engine
