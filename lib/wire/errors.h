// errors.h - how reading or writing one of the protobuf messages fails. Messages of errors never quote the bytes.
#pragma once

#include "base/result.h"

namespace openpcc::wire {

inline constexpr ErrorCode kMalformed{"wire.malformed"};  // not the encoding of that message, or text that is no UTF-8
inline constexpr ErrorCode kInvalid{"wire.invalid"};  // well encoded, but a field is missing or breaks a receiver rule
inline constexpr ErrorCode kTooLarge{"wire.too_large"};       // more bytes or elements than the cap
inline constexpr ErrorCode kTruncated{"wire.truncated"};      // a framed stream ends before its frame or its footer
inline constexpr ErrorCode kUnencodable{"wire.unencodable"};  // the value to write would be refused by every receiver

}  // namespace openpcc::wire
