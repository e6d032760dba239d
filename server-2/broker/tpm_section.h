// tpm_section.h - the `tpm:` section of compute_boot.yaml and tpm_broker.yaml: the official keys, and device and
// simulator_socket of ours. Both programs take all keys, so that one text serves both.
#pragma once

#include "config/config.h"
#include "tpm/tpm.h"

namespace openpcc {

enum class TpmType { kGce, kAzure, kQemu, kSimulator };

struct TpmSection {
  TpmType type = TpmType::kSimulator;
  tpm::Connection connection;
  uint32_t attestation_key = 0;
  tpm::Tpm::RekHandles rek;
  std::string event_log_path;
};

[[nodiscard]] Result<TpmSection> read_tpm_section(const config::Section& tpm);

}  // namespace openpcc
