#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace openpcc {

Status system_random(MutableByteView out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), std::min<size_t>(out.size(), 256), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return fail(kRandomFailed, "getrandom failed");
    }
    out = out.subspan(static_cast<size_t>(got));
  }
  return {};
}

RandomSource fixed_random_for_testing(Bytes bytes) {
  auto state = std::make_shared<std::pair<Bytes, size_t>>(std::move(bytes), 0);
  return [state](MutableByteView out) -> Status {
    auto& [pool, used] = *state;
    if (out.size() > pool.size() - used) return fail(kRandomFailed, "the fixed bytes are used up");
    std::copy_n(pool.begin() + static_cast<std::ptrdiff_t>(used), out.size(), out.begin());
    used += out.size();
    return {};
  };
}

}  // namespace openpcc
