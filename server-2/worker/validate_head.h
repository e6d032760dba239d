// validate_head.h - may a request with this head be served at all? Endpoint, header and host checks in the official
// order (PROTOCOL H.12, steps 1 to 3). Everything here comes from an opened request and is hostile. Names of fields are
// in lower case, as the decoder gives them. Pure.
#pragma once

#include "bhttp/message.h"
#include "worker/refusal.h"

namespace openpcc::worker {

inline constexpr std::string_view kHost = "confsec.invalid";
inline constexpr std::string_view kBadgeHeader = "x-confsec-badge";
inline constexpr std::string_view kExecHeader = "x-confsec-exec";

// `badge_required`: this node has a badge key, so that a request without a badge is refused.
[[nodiscard]] Checked<void> validate_head(const bhttp::RequestHead& head, bool badge_required);

}  // namespace openpcc::worker
