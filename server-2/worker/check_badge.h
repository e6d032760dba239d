// check_badge.h - is the badge in an opened request signed by the auth server this node trusts? (PROTOCOL H.11)
#pragma once

#include <vector>

#include "base/bytes.h"
#include "worker/refusal.h"

namespace openpcc::worker {

// `header`: the value of X-Confsec-Badge, hostile. `public_key`: 32 raw bytes, Ed25519. The models the badge allows.
[[nodiscard]] Checked<std::vector<std::string>> check_badge(std::string_view header, ByteView public_key);

}  // namespace openpcc::worker
