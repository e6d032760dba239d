#include "router_com/config.h"

#include "base/tags.h"
#include "config/config.h"
#include "config/units.h"

namespace openpcc::router_com {
namespace {

using namespace std::chrono_literals;

Status read_http(const config::Section& http, Config& config) {
  OPENPCC_TRY(config.http.address, http.get_string("address", "0.0.0.0"));
  OPENPCC_TRY(const int64_t port, http.get_int("port", 8081, 0, 65535));
  config.http.port = static_cast<uint16_t>(port);
  OPENPCC_TRY(config.http.read_timeout, http.get_duration("read_timeout", 60s));
  OPENPCC_TRY(config.http.header_timeout, http.get_duration("read_header_timeout", 30s));
  OPENPCC_TRY(config.http.write_timeout, http.get_duration("write_timeout", 300s));
  OPENPCC_TRY(config.http.idle_timeout, http.get_duration("idle_timeout", 120s));
  // Declared by the official program, and without effect there as here.
  OPENPCC_TRY([[maybe_unused]] const bool logging, http.get_bool("request_logging", true));
  OPENPCC_TRY([[maybe_unused]] const std::string limit, http.get_string("body_limit", "1M"));
  OPENPCC_TRY(const int64_t threads, http.get_int("threads", 1, 1, 16));
  config.threads = static_cast<unsigned>(threads);
  OPENPCC_TRY(config.shutdown_timeout, http.get_duration("shutdown_timeout", 30s));
  return {};
}

Status read_metrics(const config::Section& section, Config& config) {
  net::ServerOptions options;
  OPENPCC_TRY(options.address, section.get_string("address", "127.0.0.1"));
  OPENPCC_TRY(const int64_t port, section.get_int("port", 0, 0, 65535));
  options.port = static_cast<uint16_t>(port);
  if (port != 0) config.metrics = std::move(options);
  return {};
}

// Keys of the official program that have no meaning here: the TPM is not router_com's, and the worker is configured in
// its own file. Their types are checked all the same.
Status skip_official(const config::Section& root) {
  const config::Section own = root.section("router_com"), tpm = own.section("tpm"), worker = own.section("worker");
  OPENPCC_TRY([[maybe_unused]] const bool check_exit, own.get_bool("check_compute_boot_exit", false));
  OPENPCC_TRY([[maybe_unused]] const bool simulate, tpm.get_bool("simulate", false));
  OPENPCC_TRY([[maybe_unused]] const int64_t handle, tpm.get_int("rek_handle", 0));
  for (const char* key : {"device", "simulator_cmd_address", "simulator_platform_address"}) {
    OPENPCC_TRY([[maybe_unused]] const std::string text, tpm.get_string(key, ""));
  }
  for (const char* key : {"binary_path", "llm_base_url", "badge_public_key"}) {
    OPENPCC_TRY([[maybe_unused]] const std::string text, worker.get_string(key, ""));
  }
  OPENPCC_TRY([[maybe_unused]] const auto timeout, worker.get_duration("timeout", 5min));
  OPENPCC_TRY([[maybe_unused]] const auto models, worker.get_strings("models", {}));
  const config::Section discovery = root.section("router_rigm_discovery");
  for (const char* key : {"project", "region", "instance_group_manager"}) {
    OPENPCC_TRY([[maybe_unused]] const std::string text, discovery.get_string(key, ""));
  }
  return {};
}

Result<net::Url> url_of(const config::Section& section, std::string_view key) {
  OPENPCC_TRY(const std::string text, section.get_string(key));
  auto url = net::parse_url(text);
  if (!url) return section.bad_value(key, url.error().message);
  return url;
}

Status read_agent(const config::Section& root, const config::Section& agent, AgentConfig& config) {
  OPENPCC_TRY(config.tags, agent.get_strings("tags", {}));
  OPENPCC_TRY(const auto models, root.get_strings("models"));
  if (models.empty()) return root.bad_value("models", "at least one model is needed");
  for (const std::string& model : models) config.tags.push_back("model=" + model);
  if (const auto tags = Tags::from(config.tags); !tags) return agent.bad_value("tags", tags.error().message);
  OPENPCC_TRY(config.target_url, url_of(agent, "node_target_url"));
  OPENPCC_TRY(config.healthcheck_url, url_of(agent, "node_healthcheck_url"));
  OPENPCC_TRY(config.router_base_url, url_of(agent, "router_base_url"));
  OPENPCC_TRY(config.heartbeat_interval, agent.get_duration("heartbeat_interval", 1min));
  if (config.heartbeat_interval < 10ms) return agent.bad_value("heartbeat_interval", "shorter than 10ms");
  return {};
}

Result<Config> read(const config::Section& root) {
  Config config;
  OPENPCC_TRY(config.run_as, root.get_string("run_as", ""));
  OPENPCC_TRY(config.log_level, root.get_string("log_level", "info"));
  OPENPCC_TRY_STATUS(read_http(root.section("http"), config));
  OPENPCC_TRY_STATUS(read_metrics(root.section("metrics"), config));
  const config::Section evidence = root.section("evidence");
  OPENPCC_TRY(config.evidence_socket, evidence.get_string("socket", "/tmp/router.sock"));
  OPENPCC_TRY(config.evidence_timeout, evidence.get_duration("timeout", 60s));
  OPENPCC_TRY(config.evidence_user, evidence.get_string("user", ""));
  OPENPCC_TRY(config.worker_socket, root.section("router_com").section("worker").get_string("socket"));
  OPENPCC_TRY_STATUS(skip_official(root));
  OPENPCC_TRY_STATUS(read_agent(root, root.section("router_agent"), config.agent));
  OPENPCC_TRY_STATUS(root.expect_all_used());
  return config;
}

}  // namespace

Result<Config> load_config(const std::string& path) {
  OPENPCC_TRY(const config::Section root, config::load_file(path));
  return read(root);
}

Result<Config> parse_config(std::string_view yaml) {
  OPENPCC_TRY(const config::Section root, config::parse(yaml, "router_com.yaml"));
  return read(root);
}

}  // namespace openpcc::router_com
