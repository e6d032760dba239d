// settings.h - what `pcc` is told: by flag, else by environment (OPENPCC_…), else by client.yaml, else a default.
#pragma once

#include <optional>

#include "config/config.h"
#include "openpcc/client.h"

namespace openpcc::cli {

inline constexpr ErrorCode kBadSetting{"pcc.bad_setting"};  // wrong usage: exit code 2

// As given on the command line.
struct Flags {
  std::optional<std::string> router, model, dev_secret, badge, wallet_command, config_file, timeout;
  std::vector<std::string> tags, expected_pcrs;
  std::optional<int64_t> max_candidates, credit_amount;
  bool dev_attestation = false;
  bool show_path = false;
  bool json = false;
};

struct Settings {
  ClientOptions client;
  std::string model;  // empty: not said, and no tag says it
};

// `environment` also tells where the file is: OPENPCC_CONFIG, XDG_CONFIG_HOME, HOME. Only a file that was named has to
// exist.
[[nodiscard]] Result<Settings> resolve(const Flags& flags,
                                       const config::Environment& environment = config::process_environment);

}  // namespace openpcc::cli
