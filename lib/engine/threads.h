// threads.h - how many threads the embedded engine computes with. Pure but for the processors it asks the kernel for.
#pragma once

#include "engine/engine.h"

namespace openpcc::engine {

// For this model, the calling thread included.
[[nodiscard]] uint32_t threads_of(const ModelFile& model, const EmbeddedConfig& config);

// For whichever model a request names.
[[nodiscard]] uint32_t most_threads(const EmbeddedConfig& config);

}  // namespace openpcc::engine
