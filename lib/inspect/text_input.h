// text_input.h - objects of the wire as people have them at hand: as they are, or as the base64 of a header, or as hex.
#pragma once

#include "base/bytes.h"

namespace openpcc::inspect {

inline constexpr ErrorCode kBadText{"inspect.bad_text"};  // not of the encoding that was asked for

enum class Encoding { kAuto, kRaw, kBase64, kHex };
[[nodiscard]] std::string_view name_of(Encoding encoding);

struct Decoded {
  Encoding encoding;  // never kAuto
  Bytes bytes;
};
// kAuto takes text of hex digits for hex, other text of the base64 alphabet for base64, and everything else as it is.
// Blanks at the ends do not matter, nor do line ends between; for hex neither do blanks. An error names the character.
[[nodiscard]] Result<Decoded> decode_text(ByteView input, Encoding encoding);

}  // namespace openpcc::inspect
