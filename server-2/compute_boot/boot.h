// boot.h - the steps of compute_boot, each to be tried alone: models into PCR 12, keys, evidence, hand-off.
#pragma once

#include "attest/attest.h"
#include "compute_boot/config.h"

namespace openpcc::compute_boot {

inline constexpr ErrorCode kPcrTaken{"compute_boot.pcr_taken"};  // PCR 12 holds the digest of other models
inline constexpr ErrorCode kNoRoot{"compute_boot.no_root"};      // nothing in this build vouches for this kind of TPM
inline constexpr ErrorCode kNotSent{"compute_boot.not_sent"};    // router_com took no evidence
inline constexpr ErrorCode kEngineDown{
    "compute_boot.engine_down"};  // the engine does not answer, or serves other models

// Extends PCR 12 with the digest of the models, once since the machine was started: a value that is already right is
// left alone, any other is kPcrTaken. True when it was extended now.
[[nodiscard]] Result<bool> measure_models(tpm::Tpm& tpm, const crypto::Sha256Digest& digest);

// The attestation key, as the kind of TPM has it.
[[nodiscard]] Status set_up_ak(tpm::Tpm& tpm, const TpmSection& section);

// Storage primary, then a new request encryption key under the PCR values of now.
[[nodiscard]] Status set_up_rek(tpm::Tpm& tpm, const TpmSection& section);

[[nodiscard]] Result<evidence::List> collect_evidence(tpm::Tpm& tpm, const Config& config);

// Waits until the engine answers and serves the configured models.
[[nodiscard]] Status check_engine(const EngineConfig& engine);

// Sends the list to router_com: u32 length, list. Tries again until somebody listens.
[[nodiscard]] Status hand_off(const EvidenceConfig& config, const evidence::List& list);

}  // namespace openpcc::compute_boot
