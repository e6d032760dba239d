#include "worker/json_text.h"

#include <cstdint>
#include <optional>

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

constexpr size_t kEscapeSize = 6;  // \uXXXX

// The code unit that an escape at the beginning of the text stands for.
std::optional<uint32_t> escaped_unit(std::string_view text) {
  if (text.size() < kEscapeSize || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  uint32_t value = 0;
  for (const char c : text.substr(2, 4)) {
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = static_cast<uint32_t>((c | 0x20) - 'a') + 10;
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return value;
}

bool is_high(uint32_t unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}
bool is_low(uint32_t unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

// What stands at the beginning of a document that is not empty: how much of it, and whether it may stay.
struct Piece {
  size_t size = 0;
  bool valid = true;
};
Piece next_piece(std::string_view text) {
  if (text[0] != '\\') {
    const size_t size = decode_utf8(text).size;
    return size == 0 ? Piece{1, false} : Piece{size, true};
  }
  const uint32_t unit = escaped_unit(text).value_or(0);
  if (is_high(unit) && is_low(escaped_unit(text.substr(kEscapeSize)).value_or(0))) return {2 * kEscapeSize, true};
  if (is_high(unit) || is_low(unit)) return {kEscapeSize, false};
  return {std::min<size_t>(2, text.size()), true};  // the escaped character may be a backslash
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

WipedBytes repair_json(std::string_view document) {
  constexpr std::string_view kReplacement = "\\ufffd";
  WipedBytes out;
  out.reserve(document.size());
  while (!document.empty()) {
    const Piece piece = next_piece(document);
    append(out, as_bytes(piece.valid ? document.substr(0, piece.size) : kReplacement));
    document.remove_prefix(piece.size);
  }
  return out;
}

}  // namespace openpcc::worker
