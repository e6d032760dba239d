#include "worker/check_badge.h"

#include "base/base64.h"
#include "crypto/signature.h"
#include "wire/badge.h"

namespace openpcc::worker {

Checked<std::vector<std::string>> check_badge(std::string_view header, ByteView public_key) {
  constexpr std::string_view kCode = "ErrBadgeInvalid";
  if (header.empty()) return refuse(kCode, "badge is not provided");
  const auto bytes = from_base64(header);
  if (!bytes) return refuse(kCode, "failed to parse badge");
  auto badge = wire::decode_badge(*bytes);
  if (!badge) return refuse(kCode, "failed to parse badge");
  if (badge->signature.empty()) return refuse(kCode, "invalid badge: signature not provided");
  // What is signed is encoded anew from what was read, so that no unknown field hides behind a good signature.
  const auto signed_bytes = wire::signed_bytes(*badge);
  if (!signed_bytes) return refuse(kCode, "failed to marshal badge credentials");
  if (!crypto::verify_ed25519(public_key, *signed_bytes, badge->signature)) return refuse(kCode, "invalid signature");
  return std::move(badge->credentials.models);
}

}  // namespace openpcc::worker
