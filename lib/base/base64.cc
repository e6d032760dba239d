#include "base/base64.h"

#include <array>

namespace openpcc {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> make_values() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kAlphabet.size(); ++i) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  return values;
}
constexpr std::array<int8_t, 256> kValues = make_values();

}  // namespace

std::string to_base64(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = static_cast<uint32_t>(bytes[i]) << 16;
    if (count > 1) group |= static_cast<uint32_t>(bytes[i + 1]) << 8;
    if (count > 2) group |= bytes[i + 2];
    for (size_t k = 0; k < 4; ++k) out.push_back(k <= count ? kAlphabet[(group >> (18 - 6 * k)) & 63] : '=');
  }
  return out;
}

Result<Bytes> from_base64(std::string_view text) {
  Bytes out;
  out.reserve(text.size() / 4 * 3);
  uint32_t group = 0;
  size_t digits = 0;
  size_t padding = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r' || c == '\n') continue;
    if (c == '=') {
      if (digits % 4 < 2 || ++padding > 4 - digits % 4)
        return fail(kBadBase64, "padding out of place at " + std::to_string(i));
      continue;
    }
    const int8_t value = kValues[static_cast<uint8_t>(c)];
    if (value < 0) return fail(kBadBase64, "no base64 character at position " + std::to_string(i));
    if (padding > 0) return fail(kBadBase64, "text after the padding at position " + std::to_string(i));
    group = (group << 6) | static_cast<uint32_t>(value);
    if (++digits % 4 == 0) {
      for (int shift = 16; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>((group >> shift) & 0xff));
      group = 0;
    }
  }
  const size_t left = digits % 4;
  if ((left + padding) % 4 != 0 || left == 1) return fail(kBadBase64, "the padding is missing");
  if (left == 2) out.push_back(static_cast<uint8_t>((group >> 4) & 0xff));
  if (left == 3) {
    out.push_back(static_cast<uint8_t>((group >> 10) & 0xff));
    out.push_back(static_cast<uint8_t>((group >> 2) & 0xff));
  }
  return out;
}

}  // namespace openpcc
