// config.h - compute_worker.yaml. Its keys are explained in server-2/config/compute_worker.yaml.
#pragma once

#include <memory>

#include "engine/engine.h"
#include "process/fd.h"
#include "sandbox/sandbox.h"

namespace openpcc::worker {

struct Config {
  std::string run_as;
  std::string log_level;
  std::string socket;
  std::string router_com_user;
  std::string broker_socket;
  std::string engine_type;  // embedded, http or noop
  std::vector<std::string> model_names;
  engine::EmbeddedConfig embedded;
  engine::HttpConfig http;
  Bytes badge_key;  // 32 bytes, or empty
  size_t max_workers = 0;
  size_t pool_size = 0;
  bool fresh_children = false;
  size_t queue_length = 0;
  process::Clock::duration queue_timeout{};
  std::set<sandbox::Layer> sandbox_without;
  uid_t first_uid = 0;
  uint64_t child_memory = 0;  // bytes
  process::Clock::duration min_flush_interval{};
  bool pad_lines = true;
  process::Clock::duration request_timeout{};
  process::Clock::duration receive_timeout{};
  process::Clock::duration shutdown_timeout{};
};

[[nodiscard]] Result<Config> load_config(const std::string& path);
[[nodiscard]] Result<Config> parse_config(std::string_view yaml);  // for tests

// How many threads the engine computes with in this process, at most.
[[nodiscard]] uint32_t engine_threads(const Config& config);
// The most threads that a child may have. Three times the engine's, since those of the two tokens before may not be
// gone when those of the next, more or fewer, begin; and a few to spare.
[[nodiscard]] uint32_t child_threads(const Config& config);

// The engine the configuration names; not loaded yet.
[[nodiscard]] std::unique_ptr<engine::Engine> make_engine(const Config& config);

}  // namespace openpcc::worker
