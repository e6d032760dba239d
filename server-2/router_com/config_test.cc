#include "router_com/config.h"

#include <gtest/gtest.h>

namespace openpcc::router_com {
namespace {

using namespace std::chrono_literals;

// The official cmd/router_com/config.yaml, with the one key that ours needs besides.
constexpr std::string_view kOfficial = R"(
http:
  port: "8081"
evidence:
  timeout: 30s
models:
  - llama3.2:1b
  - gemma3:1b
router_com:
  check_compute_boot_exit: false
  tpm:
    device: "/dev/tpmrm0"
    simulate: false
    rek_handle: 0x81000002
    simulator_cmd_address:
    simulator_platform_address:
  worker:
    binary_path: "./cmd/compute_worker/compute_worker"
    llm_base_url: "http://localhost:11434"
    badge_public_key: "LS0t"
    socket: /run/w.sock
router_agent:
  tags:
    - llm
    - "engine=ollama"
  node_target_url: "http://localhost:8081/"
  node_healthcheck_url: "http://localhost:8081/_health"
  router_base_url: "http://localhost:8000"
)";

TEST(RouterComConfig, TheOfficialKeysAreTaken) {
  const auto config = parse_config(kOfficial);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->http.port, 8081);
  EXPECT_EQ(config->evidence_timeout, 30s);
  EXPECT_EQ(config->evidence_socket, "/tmp/router.sock");
  EXPECT_EQ(config->agent.tags,
            (std::vector<std::string>{"llm", "engine=ollama", "model=llama3.2:1b", "model=gemma3:1b"}));
  EXPECT_EQ(config->agent.router_base_url.to_string(), "http://localhost:8000/");
  EXPECT_EQ(config->agent.heartbeat_interval, 1min);
}

TEST(RouterComConfig, TheFileWeShipIsValid) {
  const auto config = load_config("../config/router_com.yaml");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->worker_socket, "/run/openpcc/worker.sock");
}

TEST(RouterComConfig, MistakesAreNamed) {
  const struct {
    const char* find;
    const char* replace;
    const char* named;
  } rows[] = {
      {"port: \"8081\"", "port: \"80810\"", "port"},
      {"socket: /run/w.sock", "", "socket"},
      {"router_base_url: \"http://localhost:8000\"", "router_base_url: \"localhost\"", "router_base_url"},
      {"  - llama3.2:1b\n  - gemma3:1b", "", "models"},
      {"simulate: false", "simulate: maybe", "simulate"},
      {"simulate: false", "simulated: false", "simulated"},
      {"timeout: 30s", "timeout: 30", "timeout"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.replace);
    std::string yaml(kOfficial);
    yaml.replace(yaml.find(row.find), std::string_view(row.find).size(), row.replace);
    const auto config = parse_config(yaml);
    ASSERT_FALSE(config.has_value());
    EXPECT_NE(config.error().message.find(row.named), std::string::npos) << config.error().message;
  }
}

}  // namespace
}  // namespace openpcc::router_com
