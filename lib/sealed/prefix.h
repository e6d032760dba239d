// prefix.h - collecting the nonce a sealed stream begins with. Private to lib/sealed.
#pragma once

#include <algorithm>

#include "base/bytes.h"

namespace openpcc::sealed::detail {

// Moves bytes from the front of `sealed` to `prefix` until that has `want` of them; true once it has.
[[nodiscard]] inline bool take_prefix(Bytes& prefix, size_t want, ByteView& sealed) {
  const size_t take = std::min(want - prefix.size(), sealed.size());
  append(prefix, sealed.first(take));
  sealed = sealed.subspan(take);
  return prefix.size() == want;
}

}  // namespace openpcc::sealed::detail
