#include "engine/threads.h"

#include <sched.h>

#include <algorithm>

namespace openpcc::engine {
namespace {

uint32_t usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return static_cast<uint32_t>(std::max(count, 1));
}

}  // namespace

uint32_t threads_of(const ModelFile& model, const EmbeddedConfig& config) {
  const uint32_t configured = model.threads.value_or(config.threads);
  return configured != 0 ? configured : usable_processors();
}

uint32_t most_threads(const EmbeddedConfig& config) {
  uint32_t most = 1;
  for (const ModelFile& model : config.models) most = std::max(most, threads_of(model, config));
  return most;
}

}  // namespace openpcc::engine
