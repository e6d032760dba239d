#include "compute_boot/config.h"

#include <algorithm>

namespace openpcc::compute_boot {

namespace {

Result<EngineKind> read_kind(const config::Section& engine, const std::string& type) {
  if (type == "embedded") return EngineKind::kEmbedded;
  if (type == "noop") return EngineKind::kNoop;
  if (type == "http" || type == "ollama" || type == "vllm") return EngineKind::kHttp;
  return engine.bad_value("type", "must be embedded, http, ollama, vllm or noop");
}

Result<Model> read_model(const config::Section& entry, EngineKind kind) {
  Model out;
  OPENPCC_TRY(out.name, entry.get_string("name"));
  OPENPCC_TRY(out.path, entry.get_string("path", ""));
  OPENPCC_TRY(const std::string sha256, entry.get_string("sha256", ""));
  if (!sha256.empty()) {
    const auto bytes = from_hex(sha256);
    crypto::Sha256Digest digest{};
    if (!bytes || bytes->size() != digest.size()) return entry.bad_value("sha256", "must be 64 hexadecimal digits");
    std::ranges::copy(*bytes, digest.begin());
    out.sha256 = digest;
  }
  if (kind == EngineKind::kEmbedded && out.path.empty()) {
    return entry.bad_value("path", "the embedded engine needs each model's file");
  }
  return out;
}

// A list of names, as in the official file, or of mappings.
Result<std::vector<Model>> read_models(const config::Section& engine, EngineKind kind) {
  std::vector<Model> out;
  if (const auto names = engine.get_strings("models", {}); names) {
    if (kind == EngineKind::kEmbedded && !names->empty()) {
      return engine.bad_value("models", "the embedded engine needs each model's name and path");
    }
    for (const std::string& name : *names) out.push_back({.name = name, .path = {}, .sha256 = {}});
  } else {
    OPENPCC_TRY(const std::vector<config::Section> entries, engine.sections("models"));
    for (const config::Section& entry : entries) {
      OPENPCC_TRY(Model model, read_model(entry, kind));
      out.push_back(std::move(model));
    }
  }
  if (out.empty()) return engine.bad_value("models", "at least one model is needed");
  for (const Model& model : out) {
    if (std::ranges::count(out, model.name, &Model::name) > 1) return engine.bad_value("models", "a name stands twice");
  }
  return out;
}

Result<EngineConfig> read_engine(const config::Section& engine) {
  EngineConfig out;
  OPENPCC_TRY(out.type, engine.get_string("type"));
  OPENPCC_TRY(out.kind, read_kind(engine, out.type));
  OPENPCC_TRY(out.skip, engine.get_bool("skip", false));
  OPENPCC_TRY(out.models, read_models(engine, out.kind));
  OPENPCC_TRY(out.url, engine.get_string("url", ""));
  OPENPCC_TRY(out.worker_socket, engine.get_string("worker_socket", ""));
  OPENPCC_TRY(out.ready_timeout, engine.get_duration("ready_timeout", std::chrono::minutes(10)));
  // Official keys about the engine's systemd unit, which this program never restarts.
  OPENPCC_TRY([[maybe_unused]] const bool local_dev, engine.get_bool("local_dev", false));
  OPENPCC_TRY([[maybe_unused]] const std::string unit, engine.get_string("systemd_service_name", ""));
  if (!out.skip && out.worker_socket.empty() && out.url.empty()) {
    return engine.bad_value("worker_socket", "needed to ask whether the engine answers (or url, or skip: true)");
  }
  return out;
}

}  // namespace

Result<Config> read_config(const config::Section& root) {
  Config out;
  OPENPCC_TRY(out.log_level, root.get_string("log_level", ""));
  OPENPCC_TRY(out.engine, read_engine(root.section("inference_engine")));
  OPENPCC_TRY(out.tpm, read_tpm_section(root.section("tpm")));

  const config::Section attestation = root.section("attestation");
  OPENPCC_TRY(out.fake_secret, attestation.get_string("fake_secret", ""));
  OPENPCC_TRY(const bool attest_gpu, attestation.get_bool("attest_gpu", false));
  const config::Section gpu = root.section("gpu");
  OPENPCC_TRY(const bool gpu_required, gpu.get_bool("required", false));
  OPENPCC_TRY(const std::string gpu_mode, gpu.get_string("attestation_mode", "none"));
  // Never silently: a node that says nothing of the GPU it uses would be trusted for less than it does.
  if (attest_gpu) return attestation.bad_value("attest_gpu", "GPU attestation is not supported yet");
  if (gpu_required) return gpu.bad_value("required", "GPU attestation is not supported yet");
  if (gpu_mode != "none") return gpu.bad_value("attestation_mode", "GPU attestation is not supported yet");

  const config::Section evidence = root.section("evidence");
  OPENPCC_TRY(out.evidence.socket, evidence.get_string("socket", "/tmp/router.sock"));
  OPENPCC_TRY(out.evidence.max_retries, evidence.get_int("max_retries", 60, 0, 1000000));
  OPENPCC_TRY(out.evidence.retry_interval, evidence.get_duration("retry_interval", std::chrono::seconds(1)));
  OPENPCC_TRY(out.image_sigstore_bundle, root.section("transparency").get_string("image_sigstore_bundle", ""));
  OPENPCC_TRY_STATUS(root.expect_all_used());
  return out;
}

}  // namespace openpcc::compute_boot
