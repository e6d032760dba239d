#include "config/units.h"

#include <array>
#include <charconv>
#include <limits>

namespace openpcc::config {
namespace {

using Nanos = __int128;  // wide enough that one number times one unit cannot overflow unseen
constexpr Nanos kMax = std::numeric_limits<int64_t>::max();

struct Unit {
  std::string_view name;
  int64_t nanoseconds;
};
// Longest spelling first where one is the start of another.
constexpr std::array kUnits{
    Unit{"ns", 1},         Unit{"us", 1'000},        Unit{"\u00b5s", 1'000},    Unit{"\u03bcs", 1'000},
    Unit{"ms", 1'000'000}, Unit{"s", 1'000'000'000}, Unit{"m", 60'000'000'000}, Unit{"h", 3'600'000'000'000}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::unexpected<Error> bad_duration() {
  return fail(kBadUnit, "not a duration; write it like 30s, 250ms or 1h5m");
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return bad_duration();
  Nanos total = 0;
  while (!text.empty()) {
    Nanos whole = 0;
    Nanos fraction = 0;
    Nanos scale = 1;
    size_t digits = 0;
    for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1), ++digits) {
      whole = whole * 10 + (text[0] - '0');
      if (whole > kMax) return bad_duration();
    }
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1), ++digits) {
        if (scale >= 1'000'000'000'000'000) continue;  // below a nanosecond of any unit
        fraction = fraction * 10 + (text[0] - '0');
        scale *= 10;
      }
    }
    if (digits == 0) return bad_duration();
    const size_t end = text.find_first_of("0123456789.");
    const std::string_view name = text.substr(0, end);
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits) {
      if (candidate.name == name) unit = &candidate;
    }
    if (unit == nullptr) return bad_duration();
    text.remove_prefix(name.size());
    total += whole * unit->nanoseconds + fraction * unit->nanoseconds / scale;
    if (total > kMax) return bad_duration();
  }
  const auto count = static_cast<int64_t>(total);
  return std::chrono::nanoseconds(negative ? -count : count);
}

Result<int64_t> parse_integer(std::string_view text) {
  const auto bad = [] { return fail(kBadUnit, "not an integer of 64 bits, decimal or 0x hexadecimal"); };
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    return bad();
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return bad();
  const uint64_t limit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) + (negative ? 1 : 0);
  if (value > limit) return bad();
  return static_cast<int64_t>(negative ? 0 - value : value);
}

Result<uint64_t> parse_size(std::string_view text) {
  const auto bad = [] { return fail(kBadUnit, "not a size; write bytes, or a number with K, M or G"); };
  int shift = 0;
  if (text.ends_with('K')) shift = 10;
  if (text.ends_with('M')) shift = 20;
  if (text.ends_with('G')) shift = 30;
  if (shift != 0) text.remove_suffix(1);
  const auto value = parse_integer(text);
  if (!value || *value < 0 || *value > (std::numeric_limits<int64_t>::max() >> shift)) return bad();
  return static_cast<uint64_t>(*value) << shift;
}

}  // namespace openpcc::config
