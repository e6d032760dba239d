// base64.h - RFC 4648 §4 with padding, as Go's base64.StdEncoding writes it. Used in every header that carries bytes.
#pragma once

#include "base/bytes.h"

namespace openpcc {

inline constexpr ErrorCode kBadBase64{"base.bad_base64"};  // a foreign character, missing padding, or bits left over

[[nodiscard]] std::string to_base64(ByteView bytes);

// Takes padded standard base64. CR and LF are skipped, as the official decoder does; anything else foreign is an error.
[[nodiscard]] Result<Bytes> from_base64(std::string_view text);

}  // namespace openpcc
