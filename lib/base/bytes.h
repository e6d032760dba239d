// bytes.h - the byte types of every interface, and hexadecimal text.
//
// Functions take a ByteView and return an owning type. A ByteView never owns: it is valid while what it was made from
// is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace openpcc {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;
using MutableByteView = std::span<uint8_t>;

inline constexpr ErrorCode kBadHex{"base.bad_hex"};  // a character that is no hex digit, or an odd number of them

// The bytes of a text, without a terminating zero. Valid while the text is.
[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// The text made of exactly these bytes. Valid while the bytes are.
[[nodiscard]] inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[nodiscard]] inline Bytes to_bytes(ByteView view) {
  return {view.begin(), view.end()};
}

inline void append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// All views, one after the other.
[[nodiscard]] Bytes concat(std::initializer_list<ByteView> parts);

// Lower case, two digits a byte.
[[nodiscard]] std::string to_hex(ByteView bytes);

// Takes both cases. White space is not accepted.
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);

// True when both have the same length and content; takes time that depends on the length alone. For anything secret.
[[nodiscard]] bool equal_constant_time(ByteView a, ByteView b);

}  // namespace openpcc
