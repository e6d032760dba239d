// compute_boot: prepares a compute node once after each start of the machine, then exits. Models into PCR 12, keys in
// the TPM, evidence, a look at the engine, and the hand-off to router_com.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "compute_boot/boot.h"
#include "process/fd.h"
#include "process/harden.h"
#include "process/log.h"

namespace openpcc::compute_boot {
namespace {

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

void show_progress(const Model& model, uint64_t done, uint64_t total) {
  constexpr uint64_t kMebibyte = uint64_t{1} << 20;
  spdlog::info("hashing {}: {} of {} MiB", model.name, done / kMebibyte, total / kMebibyte);
}

// What a client pins: the value that PCR 12 has on a node with these models.
Result<tpmwire::Digest> model_pcr(const crypto::Sha256Digest& digest) {
  return tpmwire::extended(tpmwire::Digest{}, digest);
}

// The TPM is given back at the end of this function: swtpm serves one program at a time, and tpm_broker comes next.
Result<evidence::List> prepare_tpm(const Config& config, const crypto::Sha256Digest& digest) {
  const TpmSection& section = config.tpm;
  OPENPCC_TRY(tpm::Tpm tpm, tpm::Tpm::open(section.connection));
  if (section.type == TpmType::kSimulator) OPENPCC_TRY_STATUS(tpm.startup());
  OPENPCC_TRY(const tpm::Info info, tpm.info());
  spdlog::info("TPM: {} ({} {}, firmware {:x})", section.connection.describe(), info.manufacturer, info.vendor,
               info.firmware_version);
  OPENPCC_TRY(const bool extended, measure_models(tpm, digest));
  OPENPCC_TRY(const tpmwire::Digest pcr, model_pcr(digest));
  spdlog::info("models: {} {} PCR 12, which is {}", to_hex(digest), extended ? "extended into" : "was already in",
               to_hex(pcr));
  OPENPCC_TRY_STATUS(set_up_ak(tpm, section));
  spdlog::info("attestation key ready ({:.2f} s)", seconds(tpm.last_duration()));
  OPENPCC_TRY_STATUS(set_up_rek(tpm, section));
  spdlog::info("request encryption key made ({:.2f} s)", seconds(tpm.last_duration()));
  OPENPCC_TRY(evidence::List list, collect_evidence(tpm, config));
  spdlog::info("evidence: {} pieces", list.size());
  return list;
}

Status measure_only(const std::string& config_file) {
  OPENPCC_TRY(const config::Section root, config::load_file(config_file));
  OPENPCC_TRY(const Config config, read_config(root));
  OPENPCC_TRY(const crypto::Sha256Digest digest, models_digest(config.engine.models, show_progress));
  OPENPCC_TRY(const tpmwire::Digest value, model_pcr(digest));
  std::cout << to_hex(value) << "\n";
  return {};
}

Status run(const std::string& config_file) {
  OPENPCC_TRY_STATUS(process::close_all_but({}));  // whatever was inherited
  OPENPCC_TRY(const config::Section root, config::load_file(config_file));
  OPENPCC_TRY(const Config config, read_config(root));
  OPENPCC_TRY_STATUS(process::set_up_log("compute_boot", config.log_level));
  OPENPCC_TRY_STATUS(process::harden_process());
  OPENPCC_TRY(const crypto::Sha256Digest digest, models_digest(config.engine.models, show_progress));
  OPENPCC_TRY(const evidence::List list, prepare_tpm(config, digest));
  OPENPCC_TRY_STATUS(check_engine(config.engine));
  OPENPCC_TRY_STATUS(hand_off(config.evidence, list));
  spdlog::info("done: router_com has the evidence");
  return {};
}

}  // namespace
}  // namespace openpcc::compute_boot

namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  compute_boot --config /etc/openpcc/compute_boot.yaml             once after each start of the machine, as root\n"
    "  compute_boot --measure --config /etc/openpcc/compute_boot.yaml   the value to pin with pcc --expect-pcr 12=...\n"
    "\n"
    "Exit codes: 0 the evidence was handed over, 1 it was not (the reason is in one line), 2 wrong usage.";

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("compute_boot: prepares the TPM and the evidence of a compute node, then exits");
  app.footer(kExamples);
  std::string config_file = "config.yaml";
  app.add_option("--config", config_file, "configuration file")->capture_default_str();
  bool measure = false;
  app.add_flag("--measure", measure, "print the value of PCR 12 for the configured models and do nothing else");
  app.set_version_flag("--version", "compute_boot " OPENPCC_VERSION);
  // The official program's flags have one dash.
  std::vector<std::string> arguments(argv + 1, argv + argc);
  for (std::string& argument : arguments) {
    if (argument == "-config" || argument.starts_with("-config=")) argument.insert(0, "-");
  }
  std::ranges::reverse(arguments);  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  using namespace openpcc::compute_boot;
  if (const openpcc::Status done = measure ? measure_only(config_file) : run(config_file); !done) {
    std::cerr << "compute_boot: " << done.error().message << "\n";
    return 1;
  }
  return 0;
}
