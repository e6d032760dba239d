// badge.h - a user's badge: the models its holder may use, signed by the auth server (PROTOCOL H.11).
//
// Reading checks form only; the Ed25519 signature covers signed_bytes(), which are encoded anew from what was read.
#pragma once

#include "base/bytes.h"
#include "wire/errors.h"

namespace openpcc::wire {

inline constexpr size_t kMaxBadgeSize = 16384;
inline constexpr size_t kMaxBadgeModels = 512;

struct Credentials {
  std::vector<std::string> models;  // printable ASCII, none empty
  friend bool operator==(const Credentials&, const Credentials&) = default;
};
struct Badge {
  Credentials credentials;
  Bytes signature;  // empty means there is none, and the badge is invalid
  friend bool operator==(const Badge&, const Badge&) = default;
};

enum class Duplicates { kTolerate, kRefuse };  // as the worker does; as the client library does

// The Credentials message: models sorted, each behind a little-endian u32 length. Empty for no models.
[[nodiscard]] Result<Bytes> encode(const Credentials& credentials);
[[nodiscard]] Result<Bytes> encode(const Badge& badge);
// The models must be in ascending order of their bytes.
[[nodiscard]] Result<Badge> decode_badge(ByteView bytes, Duplicates duplicates = Duplicates::kTolerate);
// What the signature is over.
[[nodiscard]] inline Result<Bytes> signed_bytes(const Badge& badge) {
  return encode(badge.credentials);
}

}  // namespace openpcc::wire
