#include "engine/huge_pages.h"

#include <sys/mman.h>

#include <algorithm>

// The linker's names: what --wrap=posix_memalign makes of a call, and of the C library's function.
// NOLINTBEGIN(clang-diagnostic-reserved-identifier)
extern "C" int __real_posix_memalign(void** out, size_t alignment, size_t size);
extern "C" int __wrap_posix_memalign(void** out, size_t alignment, size_t size);
// NOLINTEND(clang-diagnostic-reserved-identifier)

namespace openpcc::engine {

int allocate_aligned(void** out, size_t alignment, size_t size) {
  if (size < kHugePagesFrom) {
    return __real_posix_memalign(out, alignment, size);
  }
  // A wrong alignment is below a huge page's and must stay an error.
  const bool valid = alignment >= sizeof(void*) && (alignment & (alignment - 1)) == 0;
  const int error = __real_posix_memalign(out, valid ? std::max(alignment, kHugePage) : alignment, size);
  if (error == 0) {
    (void)madvise(*out, size, MADV_HUGEPAGE);  // advice: without it the memory is as good, on small pages
  }
  return error;
}

}  // namespace openpcc::engine

extern "C" int __wrap_posix_memalign(void** out, size_t alignment, size_t size) {
  return openpcc::engine::allocate_aligned(out, alignment, size);
}
