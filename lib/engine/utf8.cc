#include "engine/utf8.h"

#include <cstdint>

namespace openpcc::engine {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

enum class Step { kWhole, kMore, kBad };

struct Sequence {
  Step step;
  size_t length;  // of the code point, or of the ill-formed part (Unicode 15 §3.9, "maximal subpart")
};

// RFC 3629 §4: which second byte may follow which first byte rules out overlong forms and surrogates.
Sequence first_sequence(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) {
    return {Step::kWhole, 1};
  }
  size_t length = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    low = lead == 0xE0 ? 0xA0 : low;
    high = lead == 0xED ? 0x9F : high;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    low = lead == 0xF0 ? 0x90 : low;
    high = lead == 0xF4 ? 0x8F : high;
  } else {
    return {Step::kBad, 1};
  }
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size()) {
      return {Step::kMore, i};
    }
    if (byte(i) < low || byte(i) > high) {
      return {Step::kBad, i};
    }
    low = 0x80;
    high = 0xBF;
  }
  return {Step::kWhole, length};
}

}  // namespace

void Utf8Stream::feed(std::string_view bytes, std::string& out) {
  pending_.append(bytes);
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const Sequence sequence = first_sequence(rest);
    if (sequence.step == Step::kMore) {
      break;
    }
    out.append(sequence.step == Step::kWhole ? rest.substr(0, sequence.length) : kReplacement);
    rest.remove_prefix(sequence.length);
  }
  pending_.erase(0, pending_.size() - rest.size());
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const Sequence sequence = first_sequence(text);
    if (sequence.step != Step::kWhole) {
      return false;
    }
    text.remove_prefix(sequence.length);
  }
  return true;
}

}  // namespace openpcc::engine
