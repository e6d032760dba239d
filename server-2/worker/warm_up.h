// warm_up.h - does once, with throw-away keys, what every child will do: so that OpenSSL's tables and algorithms are
// loaded in the parent and children find them in the memory they share.
#pragma once

#include "base/result.h"

namespace openpcc::worker {

// Seals and opens a request and a response of this process's own. An error means that the cryptography does not work.
[[nodiscard]] Status warm_up();

}  // namespace openpcc::worker
