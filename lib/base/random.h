// random.h - random bytes from the operating system's generator, through a parameter so that tests can fix them.
#pragma once

#include <functional>

#include "base/bytes.h"

namespace openpcc {

inline constexpr ErrorCode kRandomFailed{"base.random_failed"};  // the system gave no randomness; nothing may be sealed

// Fills the whole buffer, or fails. Must be safe to call from any thread.
using RandomSource = std::function<Status(MutableByteView)>;

// getrandom(2), on every call: no state of ours that a forked process could share with its siblings.
[[nodiscard]] Status system_random(MutableByteView out);

// Deterministic bytes for vectors: hands out `bytes` in order and fails when they are used up.
[[nodiscard]] RandomSource fixed_random_for_testing(Bytes bytes);

}  // namespace openpcc
