// config.h - tpm_broker.yaml, typed. The keys are explained in server-2/config/tpm_broker.yaml.
#pragma once

#include "config/config.h"
#include "tpm/connection.h"

namespace openpcc::broker {

struct Config {
  std::string run_as;
  std::string listen;
  std::string worker_user;
  std::string log_level;
  tpm::Connection tpm;
  uint32_t rek_handle = 0;
  std::chrono::nanoseconds pair_limit{};
};

[[nodiscard]] Result<Config> read_config(const config::Section& root);

}  // namespace openpcc::broker
