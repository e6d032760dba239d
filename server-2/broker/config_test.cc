#include "broker/config.h"

#include <gtest/gtest.h>

namespace openpcc::broker {
namespace {

Result<Config> read(std::string_view text) {
  OPENPCC_TRY(const config::Section root, config::parse(text, "test"));
  return read_config(root);
}

TEST(BrokerConfig, Defaults) {
  const auto config = read("listen: /run/b.sock\ntpm: {tpm_type: QEMU}\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->listen, "/run/b.sock");
  EXPECT_EQ(config->tpm.connection.describe(), "device /dev/tpmrm0");
  EXPECT_EQ(config->tpm.rek.rek, 0x81000002U);
  EXPECT_EQ(config->worker_timeout, std::chrono::seconds(30));
  EXPECT_TRUE(config->run_as.empty());
}

TEST(BrokerConfig, TheExampleIsValid) {
  const auto root = config::load_file("../config/tpm_broker.yaml", [](const std::string&) { return std::nullopt; });
  ASSERT_TRUE(root) << root.error().message;
  const auto config = read_config(*root);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->tpm.connection.describe(), "device /dev/tpmrm0");
}

TEST(TpmSection, Types) {
  const auto type = [](const std::string& name) { return read("listen: x\ntpm: {tpm_type: " + name + "}"); };
  EXPECT_EQ(type("GCE")->tpm.type, TpmType::kGce);
  EXPECT_EQ(type("Azure")->tpm.type, TpmType::kAzure);
  EXPECT_EQ(type("QEMU")->tpm.type, TpmType::kQemu);
  EXPECT_EQ(type("Simulator")->tpm.type, TpmType::kSimulator);
  EXPECT_EQ(type("Simulator")->tpm.connection.describe(), "simulator at 127.0.0.1:2321");
  EXPECT_EQ(type("InMemorySimulator").error().code, config::kBadValue);
  EXPECT_EQ(type("qemu").error().code, config::kBadValue);
  EXPECT_EQ(read("listen: x").error().code, config::kMissingKey);
}

TEST(TpmSection, Simulators) {
  EXPECT_EQ(read("listen: x\ntpm: {tpm_type: Simulator, simulator_socket: /s}")->tpm.connection.describe(),
            "swtpm at /s");
  EXPECT_EQ(
      read("listen: x\ntpm: {tpm_type: Simulator, simulator_cmd_address: 'h:1', simulator_platform_address: 'h:2'}")
          ->tpm.connection.describe(),
      "simulator at h:1");
}

TEST(TpmSection, Refusals) {
  const auto code = [](const std::string& keys) {
    const auto config = read("listen: x\ntpm: {" + keys + "}");
    return config ? ErrorCode{"accepted"} : config.error().code;
  };
  EXPECT_EQ(code("tpm_type: QEMU, rek: 1"), config::kUnknownKey);
  EXPECT_EQ(code("tpm_type: QEMU, child_key_handle: 1"), config::kBadValue);
  EXPECT_EQ(code("tpm_type: QEMU, child_key_handle: 0x01c0000a"), config::kBadValue);
  EXPECT_EQ(code("tpm_type: QEMU, child_key_handle: 0x81000001"), config::kBadValue);
  EXPECT_EQ(code("tpm_type: QEMU, rek_creation_hash_handle: 0x01c0000a"), config::kBadValue);
  EXPECT_EQ(code("tpm_type: QEMU, simulator_socket: /s"), config::kBadValue);
  EXPECT_EQ(code("tpm_type: Simulator, simulator_socket: /s, simulator_cmd_address: 'h:1'"), config::kBadValue);
  EXPECT_EQ(code("tpm_type: Simulator, simulator_cmd_address: 'h'"), config::kBadValue);
}

TEST(BrokerConfig, Refusals) {
  EXPECT_EQ(read("tpm: {tpm_type: QEMU}").error().code, config::kMissingKey);
  EXPECT_EQ(read("listen: x\nlissten: y\ntpm: {tpm_type: QEMU}").error().code, config::kUnknownKey);
  EXPECT_EQ(read("listen: x\nworker_timeout: 5\ntpm: {tpm_type: QEMU}").error().code, config::kBadValue);
}

}  // namespace
}  // namespace openpcc::broker
