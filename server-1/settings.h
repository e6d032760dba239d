// settings.h - the router's configuration file, read. Keys are those of the official router where it has them (openpcc
// cmd/mem-router/main.go, app/httpapp/config.go, router/health); config/router.yaml explains each.
#pragma once

#include <chrono>
#include <string>

#include "base/limits.h"
#include "config/config.h"
#include "node/registry.h"

namespace openpcc::router {

using std::chrono::nanoseconds;

struct HttpSettings {
  std::string address = "0.0.0.0";
  uint16_t port = 3600;
  nanoseconds read_header_timeout = std::chrono::seconds(30);
  nanoseconds read_timeout = std::chrono::seconds(300);
  nanoseconds write_timeout = std::chrono::seconds(300);
  nanoseconds idle_timeout = std::chrono::seconds(120);
  nanoseconds shutdown_timeout = std::chrono::seconds(30);
  size_t max_connections = 10'000;
  uint64_t body_limit = limits::kSealedRequest;
  bool request_logging = false;
};

struct UpstreamSettings {
  nanoseconds dial_timeout = std::chrono::seconds(9);
  nanoseconds response_timeout = std::chrono::seconds(300);  // to the head of a node's response
  nanoseconds idle_timeout = std::chrono::seconds(300);      // without a byte of its body
};

struct HealthcheckerSettings {
  nanoseconds interval = std::chrono::seconds(30);
  nanoseconds request_timeout = std::chrono::seconds(5);
  nanoseconds dial_timeout = std::chrono::seconds(5);
  int retries = 3;
};

struct Settings {
  std::string run_as;
  std::string log_level = "info";
  unsigned threads = 0;  // 0: one a processor
  HttpSettings http;
  UpstreamSettings upstream;
  HealthcheckerSettings healthchecker;
  node::RegistryOptions registry;
  int64_t default_credit_amount = 262144;  // what a node is told where the request carries no credit
};

[[nodiscard]] Result<Settings> read_settings(const config::Section& root);

}  // namespace openpcc::router
