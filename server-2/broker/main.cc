// tpm_broker: after boot, the one process that uses the TPM. It sees one curve point of each request and no more.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "broker/config.h"
#include "broker/service.h"
#include "crypto/key_pair.h"
#include "process/harden.h"
#include "process/log.h"
#include "process/notify.h"
#include "process/unix_socket.h"
#include "process/user.h"
#include "tpm/tpm.h"

namespace openpcc::broker {
namespace {

inline constexpr ErrorCode kNotBooted{"broker.not_booted"};  // no usable key in the TPM: compute_boot must run first

// The PCR values of now, which must be those that the REK is bound to.
Result<tpmwire::PcrValues> policy_of(tpm::Tpm& tpm, uint32_t rek_handle) {
  const auto rek = tpm.read_public(rek_handle);
  if (!rek && rek.error().code == tpm::kNotFound) {
    return fail(kNotBooted, "there is no request encryption key in the TPM: run compute_boot first");
  }
  if (!rek) return std::unexpected(rek.error());
  OPENPCC_TRY(const tpmwire::PublicArea area, tpmwire::parse_public(rek->public_area));
  if (area.attributes != tpmwire::kRekAttributes) {
    return fail(kNotBooted, "the key at child_key_handle is no request encryption key (" +
                                tpmwire::attribute_names(area.attributes) + "): run compute_boot first");
  }
  OPENPCC_TRY(tpmwire::PcrValues values, tpm.read_pcrs(tpmwire::kOfficialPcrs));
  OPENPCC_TRY(const tpmwire::Digest policy, tpmwire::policy_pcr_digest(values));
  if (area.auth_policy != to_bytes(policy)) {
    return fail(kNotBooted,
                "the request encryption key belongs to other PCR values than the TPM has now: this machine "
                "was restarted or changed since; run compute_boot first");
  }
  return values;
}

// What needs root comes first, then the fall to `run_as`, and only then the TPM.
Status serve(const Config& config) {
  OPENPCC_TRY(const uid_t worker_uid, process::expected_uid(config.worker_user));
  OPENPCC_TRY(process::UniqueFd listener, process::listen_unix(config.listen, worker_uid));
  if (config.tpm.connection.kind == tpm::Connection::Kind::kMssim) {
    spdlog::warn("the TPM simulator is reached over TCP: this process keeps the network. Development only");
  } else {
    OPENPCC_TRY(const bool isolated, process::isolate_network());
    if (!isolated) spdlog::warn("no network namespace of its own: that needs root");
  }
  OPENPCC_TRY(const process::User user, process::become_configured(config.run_as));
  if (user.uid == 0) spdlog::warn("runs as root: set run_as");
  if (user.uid == worker_uid) spdlog::warn("runs as the worker's own user: nothing keeps a worker from the TPM");
  OPENPCC_TRY_STATUS(process::harden_process());

  OPENPCC_TRY(tpm::Tpm tpm, tpm::Tpm::open(config.tpm.connection));
  if (config.tpm.connection.kind != tpm::Connection::Kind::kDevice) OPENPCC_TRY_STATUS(tpm.startup());
  OPENPCC_TRY(const tpmwire::PcrValues policy, policy_of(tpm, config.tpm.rek.rek));
  const TpmAccess access{.zgen = [&](ByteView enc65) -> Result<SecretBytes> {
                           // Points off the curve are refused here already: a TPM's own check is not all that stands
                           // before the key.
                           OPENPCC_TRY_STATUS(crypto::check_public_key(crypto::Kem::kP256HkdfSha256, enc65));
                           return tpm.ecdh_zgen(config.tpm.rek.rek, policy, enc65);
                         },
                         .check = [&]() -> Status {
                           OPENPCC_TRY([[maybe_unused]] const Bytes byte, tpm.random(1));
                           return {};
                         },
                         .prepare = [&] { return tpm.prepare_zgen(policy); }};
  const ServiceOptions options{
      .worker_uid = worker_uid,
      .pair_limit = std::chrono::duration_cast<process::Clock::duration>(config.worker_timeout)};
  OPENPCC_TRY(Service service, Service::create(std::move(listener), options, access));
  spdlog::info("ready as {} on {}, TPM: {}", user.name, config.listen, config.tpm.connection.describe());
  OPENPCC_TRY_STATUS(process::notify_ready());
  return service.run();
}

Status run(const std::string& config_file) {
  OPENPCC_TRY_STATUS(process::close_all_but({}));  // whatever was inherited
  OPENPCC_TRY(const config::Section root, config::load_file(config_file));
  OPENPCC_TRY(const Config config, read_config(root));
  OPENPCC_TRY_STATUS(process::set_up_log("tpm_broker", config.log_level));
  return serve(config);
}

}  // namespace
}  // namespace openpcc::broker

namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  tpm_broker --config /etc/openpcc/tpm_broker.yaml     after compute_boot, as root: it drops to run_as by itself\n"
    "\n"
    "Exit codes: 0 after SIGTERM, 1 when it cannot go on (start it again), 2 wrong usage.";

}  // namespace

int main(int argc, char** argv) {
  // A log whose reader is gone is no reason to end.
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app("tpm_broker: the one process of a compute node that uses the TPM");
  app.footer(kExamples);
  std::string config_file = "tpm_broker.yaml";
  app.add_option("--config", config_file, "configuration file")->capture_default_str();
  app.set_version_flag("--version", "tpm_broker " OPENPCC_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const openpcc::Status done = openpcc::broker::run(config_file); !done) {
    std::cerr << "tpm_broker: " << done.error().message << "\n";
    return 1;
  }
  return 0;
}
