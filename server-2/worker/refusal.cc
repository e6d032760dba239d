#include "worker/refusal.h"

#include <cstdint>

namespace openpcc::worker {
namespace {

struct CodePoint {
  uint32_t value = 0;
  size_t size = 0;  // 0: the bytes are no UTF-8
};

CodePoint decode_utf8(std::string_view text) {
  const auto byte = [&](size_t i) -> uint32_t { return static_cast<uint8_t>(text[i]); };
  const uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  size_t size = 0;
  uint32_t smallest = 0, value = 0;
  if ((first & 0xe0) == 0xc0) {
    size = 2, smallest = 0x80, value = first & 0x1f;
  } else if ((first & 0xf0) == 0xe0) {
    size = 3, smallest = 0x800, value = first & 0x0f;
  } else if ((first & 0xf8) == 0xf0) {
    size = 4, smallest = 0x10000, value = first & 0x07;
  } else {
    return {};
  }
  if (text.size() < size) return {};
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  if (value < smallest || value > 0x10ffff || surrogate) return {};
  return {value, size};
}

void append_escaped(std::string& out, uint32_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[value >> shift & 0xf];
}

}  // namespace

std::string go_json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (point.size == 0) {
      out += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    switch (point.value) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '<':
      case '>':
      case '&':
      case 0x2028:
      case 0x2029:
        append_escaped(out, point.value);
        break;
      default:
        if (point.value < 0x20) {
          append_escaped(out, point.value);
        } else {
          out += text.substr(0, point.size);
        }
    }
    text.remove_prefix(point.size);
  }
  return out += '"';
}

std::string refusal_body(const Refusal& refusal) {
  return "{\"code\":" + go_json_string(refusal.code) +
         ",\"error\":\"Request Validation Error\",\"message\":" + go_json_string(refusal.message) + "}";
}

}  // namespace openpcc::worker
