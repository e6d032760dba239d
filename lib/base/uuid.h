// uuid.h - UUIDv7 (RFC 9562 §5.7): the ids of nodes and routers. On the wire: the 36-character lower-case text.
#pragma once

#include <compare>

#include "base/random.h"

namespace openpcc {

inline constexpr ErrorCode kBadUuid{"base.bad_uuid"};  // not the canonical 36-character form, or not version 7

class UuidV7 {
 public:
  // `unix_ms`: milliseconds since 1970. The 74 random bits come from `random`.
  [[nodiscard]] static Result<UuidV7> generate(uint64_t unix_ms, const RandomSource& random = system_random);
  // Takes the canonical form, in either case of letters. The variant bits are not looked at, as in the official
  // programs.
  [[nodiscard]] static Result<UuidV7> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;  // canonical, lower case
  [[nodiscard]] const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  friend auto operator<=>(const UuidV7&, const UuidV7&) = default;

 private:
  std::array<uint8_t, 16> bytes_{};
};

}  // namespace openpcc
