#include "inspect/text_input.h"

#include <algorithm>

#include "base/base64.h"

namespace openpcc::inspect {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view without_blanks_at_end(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

Result<Bytes> decode_hex(std::string_view text) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (kBlanks.find(text[i]) != std::string_view::npos) continue;
    if (!is_hex_digit(text[i])) return fail(kBadText, "character " + std::to_string(i) + " is no hex digit");
    digits += text[i];
  }
  if (digits.size() % 2 != 0) return fail(kBadText, "an odd number of hex digits: " + std::to_string(digits.size()));
  return from_hex(digits);
}

Result<Bytes> decode_base64(std::string_view text) {
  auto bytes = from_base64(text);
  if (!bytes) return fail(kBadText, "not base64 (RFC 4648 §4): " + bytes.error().message);
  return bytes;
}

}  // namespace

std::string_view name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::kAuto:
      return "auto";
    case Encoding::kRaw:
      return "raw";
    case Encoding::kBase64:
      return "base64";
    case Encoding::kHex:
      return "hex";
  }
  return "";
}

Result<Decoded> decode_text(ByteView input, Encoding encoding) {
  std::string_view text = without_blanks_at_end(as_text(input));
  if (encoding == Encoding::kAuto) {
    // Blanks in front are not looked past: 0a is how most protobuf messages begin.
    encoding = Encoding::kRaw;
    if (!text.empty() && kBlanks.find(text.front()) == std::string_view::npos) {
      if (auto bytes = decode_hex(text)) return Decoded{Encoding::kHex, std::move(*bytes)};
      if (auto bytes = decode_base64(text)) return Decoded{Encoding::kBase64, std::move(*bytes)};
    }
  }
  if (encoding == Encoding::kRaw) return Decoded{encoding, to_bytes(input)};
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  OPENPCC_TRY(Bytes bytes, encoding == Encoding::kHex ? decode_hex(text) : decode_base64(text));
  return Decoded{encoding, std::move(bytes)};
}

}  // namespace openpcc::inspect
