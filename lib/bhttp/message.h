// message.h - the parts of a Binary HTTP message (RFC 9292) as OpenPCC uses it, and how reading or writing one fails.
//
// The rules on names, values, targets and trailers are those of the official bhttp package, made stricter where it lets
// through what no honest peer sends (CR, LF and NUL in values, blanks and colons in names). Plain values: thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace openpcc::bhttp {

inline constexpr ErrorCode kTruncated{"bhttp.truncated"};  // the bytes end before the message does
inline constexpr ErrorCode kMalformed{
    "bhttp.malformed"};  // a rule of the format is broken; the message names byte and rule
inline constexpr ErrorCode kTooLarge{"bhttp.too_large"};       // a part is longer than its cap
inline constexpr ErrorCode kBadPadding{"bhttp.bad_padding"};   // a byte after the end of the message is not zero
inline constexpr ErrorCode kUnencodable{"bhttp.unencodable"};  // the message to write breaks a rule every reader checks
inline constexpr ErrorCode kMisuse{"bhttp.misuse"};  // a call out of order: content before the head, or after the end

struct Field {
  std::string name;   // any case to encode; lower case once decoded
  std::string value;  // without blanks at its ends once decoded
  friend bool operator==(const Field&, const Field&) = default;
};
using Fields = std::vector<Field>;

// What a message may announce beside its fields. Encoders leave the fields host, content-length, transfer-encoding and
// trailer out and write `content-length` and `trailer` themselves.
struct RequestHead {
  std::string method;     // empty encodes as GET; a token, at most 64 bytes
  std::string scheme;     // at most 64 bytes; empty for CONNECT
  std::string authority;  // at most 256 bytes. Decoded: the host field's value where the message has no authority
  std::string path;       // with the query, at most 4096 bytes; empty encodes as "/"; empty for CONNECT
  Fields fields;          // decoded: without `host` and `trailer`, with `content-length`
  std::vector<std::string> trailer_names = {};            // announced by the `trailer` field; lower case once decoded
  std::optional<uint64_t> content_length = std::nullopt;  // decoded only: what the message says of its length
  friend bool operator==(const RequestHead&, const RequestHead&) = default;
};

struct ResponseHead {
  int status = 0;  // 200 to 599; informational responses have less
  Fields fields;
  std::vector<std::string> trailer_names = {};
  std::optional<uint64_t> content_length = std::nullopt;
  friend bool operator==(const ResponseHead&, const ResponseHead&) = default;
};

// Caps of one message (openpcc's bhttp part_decoders.go, and three totals that it lacks). They are not adjustable.
inline constexpr size_t kMaxMethod = 64;
inline constexpr size_t kMaxScheme = 64;
inline constexpr size_t kMaxAuthority = 256;
inline constexpr size_t kMaxPath = 4096;
inline constexpr size_t kMaxFieldLine = 16384;  // name, value and both length prefixes
inline constexpr size_t kMaxSections =
    65536;  // header sections of a message, informational ones included; the trailer section apart
inline constexpr size_t kMaxFieldLines = 1024;   // counted in the same way
inline constexpr size_t kMaxTrailerNames = 256;  // announced by one `trailer` field
inline constexpr size_t kMaxInformational = 16;  // informational responses before the final one

// The value of the first field of that name, in lower case; nothing when there is none. Valid while `fields` is.
[[nodiscard]] std::optional<std::string_view> find(const Fields& fields, std::string_view lower_case_name);
[[nodiscard]] std::string to_lower(std::string_view text);

// The single rules, also for those who build messages by hand.
[[nodiscard]] bool is_token(std::string_view text);                    // RFC 9110 §5.6.2, not empty
[[nodiscard]] bool is_field_value(std::string_view text);              // HTAB, 0x20-0x7E, 0x80-0xFF
[[nodiscard]] bool is_trailer_name(std::string_view lower_case_name);  // a token that may stand in a trailer section
[[nodiscard]] bool is_authority(std::string_view text);                // characters of a host and port; empty is not
[[nodiscard]] bool is_request_target(std::string_view text);  // "/…", "*" or an absolute URI, no blanks or controls

}  // namespace openpcc::bhttp
