#include "compute_boot/boot.h"

#include <spdlog/spdlog.h>

#include <thread>

#include "process/message.h"
#include "process/unix_socket.h"

namespace openpcc::compute_boot {

Result<bool> measure_models(tpm::Tpm& tpm, const crypto::Sha256Digest& digest) {
  const auto read = [&tpm]() -> Result<tpmwire::Digest> {
    constexpr uint32_t kIndices[] = {tpmwire::kModelPcr};
    OPENPCC_TRY(const tpmwire::PcrValues values, tpm.read_pcrs(kIndices));
    return values.at(tpmwire::kModelPcr);
  };
  const tpmwire::Digest untouched{};
  OPENPCC_TRY(const tpmwire::Digest expected, tpmwire::extended(untouched, digest));
  OPENPCC_TRY(const tpmwire::Digest now, read());
  if (now == expected) return false;
  if (now != untouched) {
    return fail(kPcrTaken, "PCR 12 holds " + to_hex(now) + ", but these models need " + to_hex(expected) +
                               ": other models were measured since this machine was started. Restart the machine (or "
                               "the TPM simulator) to serve these");
  }
  OPENPCC_TRY_STATUS(tpm.extend_pcr(tpmwire::kModelPcr, digest));
  OPENPCC_TRY(const tpmwire::Digest after, read());
  if (after != expected)
    return fail(kPcrTaken, "PCR 12 did not take the digest of the models: it holds " + to_hex(after));
  return true;
}

Status set_up_ak(tpm::Tpm& tpm, const TpmSection& section) {
  switch (section.type) {
    case TpmType::kSimulator:
      return tpm.create_ak(tpm::Hierarchy::kOwner, tpm::simulator_ak_template(), section.attestation_key);
    case TpmType::kQemu:
      return tpm.create_ak(tpm::Hierarchy::kEndorsement, tpm::qemu_ak_template(), section.attestation_key);
    case TpmType::kGce: {
      // The template that Google's certificate belongs to.
      constexpr uint32_t kTemplateIndex = 0x01c10001;
      OPENPCC_TRY(const Bytes area, tpm.nv_read(kTemplateIndex));
      return tpm.create_primary(tpm::Hierarchy::kEndorsement, area, section.attestation_key);
    }
    case TpmType::kAzure: {
      const auto there = tpm.is_persistent(section.attestation_key);
      if (!there) return std::unexpected(there.error());
      if (*there) return {};
      return fail(tpm::kNotFound, "Azure's attestation key is not at attestation_key_handle");
    }
  }
  return {};
}

Status set_up_rek(tpm::Tpm& tpm, const TpmSection& section) {
  OPENPCC_TRY_STATUS(tpm.create_storage_primary(section.rek.primary));
  OPENPCC_TRY(const tpmwire::PcrValues values, tpm.read_pcrs(tpmwire::kOfficialPcrs));
  return tpm.create_rek(section.rek, values);
}

Result<evidence::List> collect_evidence(tpm::Tpm& tpm, const Config& config) {
#if OPENPCC_DEV_ATTESTATION
  if (!config.fake_secret.empty()) {
    spdlog::warn("DEVELOPMENT ATTESTATION: this evidence proves nothing. Clients must ask for it by name");
    return attest::insecure_development_list(tpm, {config.tpm.attestation_key, config.tpm.rek},
                                             as_bytes(config.fake_secret));
  }
#endif
  // Hardware roots of trust go here, one attest::RootOfTrust for each kind of machine, with attest::collect().
  (void)tpm;
  (void)config;
  return fail(kNoRoot,
              "this build can make no evidence that vouches for this TPM: it knows no hardware root of trust yet"
#if OPENPCC_DEV_ATTESTATION
              ", and attestation.fake_secret is not set"
#else
              ", and development attestation is not compiled in"
#endif
  );
}

Status hand_off(const EvidenceConfig& config, const evidence::List& list) {
  const Bytes encoded = evidence::encode(list);
  constexpr auto kSendLimit = std::chrono::seconds(30);
  Error last;
  for (int64_t attempt = 0; attempt <= config.max_retries; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(config.retry_interval);
    auto connection = process::connect_unix(config.socket, process::Clock::now());
    if (!connection) {
      last = connection.error();
      if (attempt == 0) spdlog::info("waiting for router_com: {}", last.message);
      continue;
    }
    const Status sent = process::send_message(connection->get(), encoded, process::within(kSendLimit));
    if (sent) return {};
    return fail(kNotSent, "router_com broke off while it was sent the evidence: " + sent.error().message);
  }
  return fail(kNotSent, "router_com does not take the evidence: " + last.message);
}

}  // namespace openpcc::compute_boot
