#include "compute_boot/config.h"

#include <gtest/gtest.h>

namespace openpcc::compute_boot {
namespace {

std::optional<std::string> nothing_set(const std::string&) {
  return std::nullopt;
}

Result<Config> read(std::string_view text) {
  OPENPCC_TRY(const config::Section root, config::parse(text, "test", nothing_set));
  return read_config(root);
}

// Every key of the official program's file.
constexpr std::string_view kOfficialKeys = R"(
inference_engine:
  type: ollama
  skip: ${OLLAMA_INIT_SKIP:-false}
  models:
    - "llama3.2:1b"
    - "qwen2:1.5b-instruct"
  local_dev: true
  url: "http://localhost:11434"
  systemd_service_name: "ollama.service"
tpm:
  primary_key_handle: 0x81000001
  child_key_handle: 0x81000002
  rek_creation_ticket_handle: 0x0180000A
  rek_creation_hash_handle: 0x0180000B
  attestation_key_handle: 0x81000003
  tpm_type: Simulator
  simulator_cmd_address: ${SIMULATOR_CMD_ADDRESS:-}
  simulator_platform_address: ${SIMULATOR_PLATFORM_ADDRESS:-}
  event_log_path: /sys/kernel/security/tpm0/binary_bios_measurements
attestation:
  fake_secret: "${FAKE_ATTESTATION_SECRET:-123456}"
  attest_gpu: false
gpu:
  required: false
  attestation_mode: none
transparency:
  image_sigstore_bundle: "${COMPUTE_IMAGE_SIGSTORE_BUNDLE:-}"
evidence:
  socket: /run/router.sock
  max_retries: 3
  retry_interval: 250ms
)";

TEST(BootConfig, TakesEveryOfficialKey) {
  const auto config = read(kOfficialKeys);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->engine.kind, EngineKind::kHttp);
  EXPECT_EQ(config->engine.models.size(), 2U);
  EXPECT_EQ(config->engine.models[0].name, "llama3.2:1b");
  EXPECT_EQ(config->tpm.rek.creation_hash, 0x0180000bU);
  EXPECT_EQ(config->tpm.connection.describe(), "simulator at 127.0.0.1:2321");
  EXPECT_EQ(config->fake_secret, "123456");
  EXPECT_EQ(config->evidence.max_retries, 3);
  EXPECT_EQ(config->evidence.retry_interval, std::chrono::milliseconds(250));
}

TEST(BootConfig, TheExampleIsValid) {
  const auto root = config::load_file("../config/compute_boot.yaml", nothing_set);
  ASSERT_TRUE(root) << root.error().message;
  const auto config = read_config(*root);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->evidence.max_retries, 60);
  EXPECT_EQ(config->evidence.retry_interval, std::chrono::seconds(1));
}

const std::string kTail = "\ntpm: {tpm_type: Simulator}\n";

TEST(BootConfig, EmbeddedModels) {
  const std::string sha(64, 'a');
  const auto config = read(
      "inference_engine:\n  type: embedded\n  worker_socket: /w\n  models:\n"
      "    - {name: a, path: /a.gguf, sha256: " +
      sha + "}\n    - {name: b, path: /b.gguf}" + kTail);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->engine.models[0].path, "/a.gguf");
  EXPECT_EQ(to_hex(*config->engine.models[0].sha256), sha);
  EXPECT_FALSE(config->engine.models[1].sha256);
}

ErrorCode code_of(const std::string& text) {
  const auto config = read(text);
  return config ? ErrorCode{"accepted"} : config.error().code;
}

ErrorCode engine_code(const std::string& engine) {
  return code_of("inference_engine: {worker_socket: /w, " + engine + "}" + kTail);
}

TEST(BootConfig, Refusals) {
  EXPECT_EQ(engine_code("type: noop, models: [m]"), ErrorCode{"accepted"});
  EXPECT_EQ(engine_code("type: noop, models: [{name: m}]"), ErrorCode{"accepted"});
  EXPECT_EQ(engine_code("models: [m]"), config::kMissingKey);
  EXPECT_EQ(engine_code("type: magic, models: [m]"), config::kBadValue);
  EXPECT_EQ(engine_code("type: noop"), config::kBadValue);
  EXPECT_EQ(engine_code("type: noop, models: []"), config::kBadValue);
  EXPECT_EQ(engine_code("type: noop, models: [m, m]"), config::kBadValue);
  EXPECT_EQ(engine_code("type: noop, models: [{path: /x}]"), config::kMissingKey);
  EXPECT_EQ(engine_code("type: noop, models: [{name: m, sha256: abc}]"), config::kBadValue);
  EXPECT_EQ(engine_code("type: noop, models: [{name: m, hash: abc}]"), config::kUnknownKey);
  EXPECT_EQ(engine_code("type: embedded, models: [m]"), config::kBadValue);
  EXPECT_EQ(engine_code("type: embedded, models: [{name: m}]"), config::kBadValue);
  EXPECT_EQ(code_of("inference_engine: {type: noop, models: [m]}" + kTail), config::kBadValue);
  EXPECT_EQ(code_of("inference_engine: {type: noop, models: [m], skip: true}" + kTail), ErrorCode{"accepted"});
  const std::string engine = "inference_engine: {type: noop, models: [m], skip: true}" + kTail;
  EXPECT_EQ(code_of(engine + "gpu: {required: true}"), config::kBadValue);
  EXPECT_EQ(code_of(engine + "gpu: {attestation_mode: single}"), config::kBadValue);
  EXPECT_EQ(code_of(engine + "attestation: {attest_gpu: true}"), config::kBadValue);
  EXPECT_EQ(code_of(engine + "evidence: {max_retries: -1}"), config::kBadValue);
  EXPECT_EQ(code_of(engine + "evidense: {}\nx: 1"), config::kUnknownKey);
}

}  // namespace
}  // namespace openpcc::compute_boot
