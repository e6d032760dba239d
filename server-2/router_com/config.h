// config.h - router_com.yaml: the official keys and ours. All are explained in server-2/config/router_com.yaml.
#pragma once

#include "net/server.h"
#include "net/url.h"

namespace openpcc::router_com {

struct AgentConfig {
  std::vector<std::string> tags;  // configured ones, and model=NAME for each model
  net::Url target_url;
  net::Url healthcheck_url;
  net::Url router_base_url;
  net::Clock::duration heartbeat_interval{};
};

struct Config {
  std::string run_as;
  std::string log_level;
  net::ServerOptions http;
  unsigned threads = 1;
  net::Clock::duration shutdown_timeout{};
  std::string evidence_socket;
  net::Clock::duration evidence_timeout{};
  std::string evidence_user;  // who may hand the evidence over, beside root; empty: our own
  std::string worker_socket;
  std::optional<net::ServerOptions> metrics;  // nothing: no metrics are shown
  AgentConfig agent;
};

[[nodiscard]] Result<Config> load_config(const std::string& path);
[[nodiscard]] Result<Config> parse_config(std::string_view yaml);  // for tests

}  // namespace openpcc::router_com
