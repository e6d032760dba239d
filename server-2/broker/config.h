// config.h - tpm_broker.yaml, typed. The keys are explained in server-2/config/tpm_broker.yaml.
#pragma once

#include "broker/tpm_section.h"

namespace openpcc::broker {

struct Config {
  std::string run_as;
  std::string listen;
  std::string worker_user;
  std::string log_level;
  std::chrono::nanoseconds worker_timeout{};
  TpmSection tpm;
};

[[nodiscard]] Result<Config> read_config(const config::Section& root);

}  // namespace openpcc::broker
