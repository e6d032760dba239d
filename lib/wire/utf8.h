// utf8.h - are these bytes UTF-8 (RFC 3629)? Every protobuf string must be, and the lite runtime does not look.
#pragma once

#include <string>
#include <string_view>

namespace openpcc::wire {

// Overlong forms, surrogates and values above U+10FFFF are not.
[[nodiscard]] bool is_utf8(std::string_view text);

// Each byte that is not part of a valid sequence becomes '?'.
[[nodiscard]] std::string to_utf8(std::string_view text);

}  // namespace openpcc::wire
