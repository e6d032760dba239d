#include "broker/config.h"

#include <gtest/gtest.h>

namespace openpcc::broker {
namespace {

Result<Config> read(std::string_view text) {
  OPENPCC_TRY(const config::Section root, config::parse(text, "test"));
  return read_config(root);
}

TEST(BrokerConfig, Defaults) {
  const auto config = read("listen: /run/b.sock\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->listen, "/run/b.sock");
  EXPECT_EQ(config->tpm.describe(), "device /dev/tpmrm0");
  EXPECT_EQ(config->rek_handle, 0x81000002U);
  EXPECT_TRUE(config->run_as.empty());
}

TEST(BrokerConfig, Simulators) {
  EXPECT_EQ(read("listen: x\ntpm: {simulate: true, simulator_socket: /s}")->tpm.describe(), "swtpm at /s");
  EXPECT_EQ(read("listen: x\ntpm: {simulate: true}")->tpm.describe(), "simulator at 127.0.0.1:2321");
  EXPECT_EQ(read("listen: x\ntpm: {simulate: true, simulator_cmd_address: 'h:1', simulator_platform_address: 'h:2'}")
                ->tpm.describe(),
            "simulator at h:1");
}

TEST(BrokerConfig, Refusals) {
  EXPECT_EQ(read("run_as: root").error().code, config::kMissingKey);
  EXPECT_EQ(read("listen: x\nlissten: y").error().code, config::kUnknownKey);
  EXPECT_EQ(read("listen: x\ntpm: {rek: 1}").error().code, config::kUnknownKey);
  EXPECT_EQ(read("listen: x\ntpm: {rek_handle: 1}").error().code, config::kBadValue);
  EXPECT_EQ(read("listen: x\ntpm: {simulator_socket: /s}").error().code, config::kBadValue);
  EXPECT_EQ(read("listen: x\ntpm: {simulate: true, simulator_socket: /s, simulator_cmd_address: 'h:1'}").error().code,
            config::kBadValue);
  EXPECT_EQ(read("listen: x\ntpm: {simulate: true, simulator_cmd_address: 'h'}").error().code, config::kBadValue);
}

}  // namespace
}  // namespace openpcc::broker
