// units.h - durations as Go writes them ("1h5m0s", "250ms"), integers in decimal or hexadecimal, and sizes ("2M").
// Pure. Also for command-line flags.
#pragma once

#include <chrono>

#include "base/bytes.h"

namespace openpcc::config {

inline constexpr ErrorCode kBadUnit{"config.bad_unit"};  // text that is no duration, integer or size, or does not fit

// As Go's time.ParseDuration: an optional sign, then numbers with a unit each (ns, us, µs, ms, s, m, h), or plain "0".
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// Decimal or 0x hexadecimal, with an optional sign. No leading zeros: YAML 1.1 and 1.2 disagree about what they mean.
[[nodiscard]] Result<int64_t> parse_integer(std::string_view text);

// Bytes: an integer with an optional K, M or G (powers of 1024), as in the official body_limit "1M".
[[nodiscard]] Result<uint64_t> parse_size(std::string_view text);

}  // namespace openpcc::config
