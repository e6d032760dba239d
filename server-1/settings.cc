#include "settings.h"

#include "wire/currency.h"

namespace openpcc::router {
namespace {

Status read_http(const config::Section& http, HttpSettings& out) {
  OPENPCC_TRY(out.address, http.get_string("address", out.address));
  OPENPCC_TRY(const int64_t port, http.get_int("port", out.port, 0, 65535));
  out.port = static_cast<uint16_t>(port);
  OPENPCC_TRY(out.read_header_timeout, http.get_duration("read_header_timeout", out.read_header_timeout));
  OPENPCC_TRY(out.read_timeout, http.get_duration("read_timeout", out.read_timeout));
  OPENPCC_TRY(out.write_timeout, http.get_duration("write_timeout", out.write_timeout));
  OPENPCC_TRY(out.idle_timeout, http.get_duration("idle_timeout", out.idle_timeout));
  OPENPCC_TRY(out.shutdown_timeout, http.get_duration("shutdown_timeout", out.shutdown_timeout));
  OPENPCC_TRY(const int64_t connections, http.get_int("max_connections", 10'000, 1, 1'000'000));
  out.max_connections = static_cast<size_t>(connections);
  OPENPCC_TRY(out.body_limit, http.get_size("body_limit", out.body_limit));
  OPENPCC_TRY(out.request_logging, http.get_bool("request_logging", out.request_logging));
  for (const auto& [key, value] : {std::pair{"read_header_timeout", out.read_header_timeout},
                                   {"read_timeout", out.read_timeout},
                                   {"write_timeout", out.write_timeout},
                                   {"idle_timeout", out.idle_timeout}}) {
    if (value.count() == 0)
      return http.bad_value(key, "must be more than 0: without a limit slow clients stay forever");
  }
  return {};
}

Status read_upstream(const config::Section& upstream, UpstreamSettings& out) {
  OPENPCC_TRY(out.dial_timeout, upstream.get_duration("dial_timeout", out.dial_timeout));
  OPENPCC_TRY(out.response_timeout, upstream.get_duration("response_timeout", out.response_timeout));
  OPENPCC_TRY(out.idle_timeout, upstream.get_duration("idle_timeout", out.idle_timeout));
  return {};
}

Status read_healthchecker(const config::Section& checker, HealthcheckerSettings& out) {
  OPENPCC_TRY(out.interval, checker.get_duration("interval", out.interval));
  if (out.interval < std::chrono::milliseconds(10)) return checker.bad_value("interval", "must be at least 10ms");
  OPENPCC_TRY(out.request_timeout, checker.get_duration("request_timeout", out.request_timeout));
  OPENPCC_TRY(out.dial_timeout, checker.get_duration("dial_timeout", out.dial_timeout));
  OPENPCC_TRY(const int64_t retries, checker.get_int("retries", out.retries, 1, 100));
  out.retries = static_cast<int>(retries);
  // The official program reads it and never uses it; accepted, so that its files work.
  OPENPCC_TRY_STATUS(checker.get_duration("max_age", std::chrono::minutes(15)));
  return {};
}

Status read_grader(const config::Section& grader, node::GraderConfig& out) {
  OPENPCC_TRY(const int64_t checks, grader.get_int("min_checks", out.min_checks, 1, 1000));
  OPENPCC_TRY(out.min_success_rate, grader.get_double("min_success_rate", out.min_success_rate));
  OPENPCC_TRY(const int64_t streak,
              grader.get_int("max_recent_failure_streak", out.max_recent_failure_streak, 0, 1000));
  OPENPCC_TRY(out.max_age, grader.get_duration("max_age", out.max_age));
  out.min_checks = static_cast<int>(checks);
  out.max_recent_failure_streak = static_cast<int>(streak);
  if (const auto valid = out.validate(); !valid) return grader.bad_value("min_checks", valid.error().message);
  return {};
}

Status read_payments(const config::Section& payments, Settings& out) {
  OPENPCC_TRY(const std::string mode, payments.get_string("mode", "none"));
  if (mode != "none") return payments.bad_value("mode", "only 'none' exists so far");
  OPENPCC_TRY(out.default_credit_amount,
              payments.get_int("default_credit_amount", out.default_credit_amount, 1, wire::Currency::kMaxAmount));
  return {};
}

}  // namespace

Result<Settings> read_settings(const config::Section& root) {
  Settings out;
  OPENPCC_TRY(out.run_as, root.get_string("run_as", ""));
  OPENPCC_TRY(out.log_level, root.section("log").get_string("level", out.log_level));
  OPENPCC_TRY(const int64_t threads, root.get_int("threads", 0, 0, 1024));
  out.threads = static_cast<unsigned>(threads);
  OPENPCC_TRY_STATUS(read_http(root.section("http"), out.http));
  OPENPCC_TRY_STATUS(read_upstream(root.section("upstream"), out.upstream));
  OPENPCC_TRY_STATUS(read_healthchecker(root.section("healthchecker"), out.healthchecker));
  OPENPCC_TRY_STATUS(read_grader(root.section("healthgrader"), out.registry.grader));
  OPENPCC_TRY(out.registry.reevaluate, root.get_duration("cleanup_interval", out.registry.reevaluate));
  if (out.registry.reevaluate.count() == 0) return root.bad_value("cleanup_interval", "must be more than 0");
  const config::Section registry = root.section("registry");
  OPENPCC_TRY(const int64_t nodes, registry.get_int("max_nodes", 10'000, 1, 1'000'000));
  out.registry.max_nodes = static_cast<size_t>(nodes);
  OPENPCC_TRY(out.registry.max_bytes, registry.get_size("max_bytes", out.registry.max_bytes));
  OPENPCC_TRY_STATUS(read_payments(root.section("payments"), out));
  OPENPCC_TRY_STATUS(root.expect_all_used());
  return out;
}

}  // namespace openpcc::router
