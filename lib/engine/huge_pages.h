// huge_pages.h - large allocations on huge pages, for the weights and the KV cache.
//
// A fork copies the parent's page tables: 4.5 GB of weights are 1.2 million entries of 4 KiB, or 2,300 of 2 MiB. The
// worker's parent forks a child for every request, and decoding reads all weights for every token, so both gain. ggml
// allocates with posix_memalign and has no hook for it; programs that link openpcc::engine with libllama are therefore
// linked with --wrap=posix_memalign (CMakeLists.txt), which leads here. The price: compute buffers, which a child
// touches first, take memory in steps of 2 MiB. Where the kernel has no transparent huge pages, or is set to `never`,
// allocations are what they were.
#pragma once

#include <cstddef>

namespace openpcc::engine {

inline constexpr size_t kHugePage = size_t{2} << 20;
// From here on malloc always makes a mapping of its own (it caps its threshold at 32 MiB): memory that nobody touched
// yet, whose first touch can so take a huge page.
inline constexpr size_t kHugePagesFrom = size_t{32} << 20;

// What posix_memalign became: an allocation of kHugePagesFrom or more stands on a boundary of kHugePage, and the kernel
// is advised to back it by huge pages. Everything else, errors included, is posix_memalign's own. free() takes it.
[[nodiscard]] int allocate_aligned(void** out, size_t alignment, size_t size);

}  // namespace openpcc::engine
