// config.h - compute_boot.yaml, typed: the official keys, and ours where they are needed. The keys are explained in
// server-2/config/compute_boot.yaml.
#pragma once

#include "broker/tpm_section.h"
#include "compute_boot/models.h"

namespace openpcc::compute_boot {

enum class EngineKind { kEmbedded, kNoop, kHttp };

struct EngineConfig {
  std::string type;  // as written: embedded, noop, http, ollama, vllm
  EngineKind kind = EngineKind::kEmbedded;
  bool skip = false;
  std::vector<Model> models;
  std::string url;
  std::string worker_socket;
  std::chrono::nanoseconds ready_timeout{};
};

struct EvidenceConfig {
  std::string socket;
  int64_t max_retries = 0;
  std::chrono::nanoseconds retry_interval{};
};

struct Config {
  EngineConfig engine;
  TpmSection tpm;
  EvidenceConfig evidence;
  std::string fake_secret;
  std::string image_sigstore_bundle;
  std::string log_level;
};

[[nodiscard]] Result<Config> read_config(const config::Section& root);

}  // namespace openpcc::compute_boot
