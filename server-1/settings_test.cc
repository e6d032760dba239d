#include "settings.h"

#include <gtest/gtest.h>

namespace openpcc::router {
namespace {

using namespace std::chrono_literals;

Result<Settings> read(std::string_view text) {
  auto root = config::parse(text, "router.yaml");
  if (!root) return std::unexpected(root.error());
  return read_settings(*root);
}

TEST(Settings, TheShippedFileIsTheDefaults) {
  const auto root = config::load_file("config/router.yaml");
  ASSERT_TRUE(root) << root.error().message;
  const auto shipped = read_settings(*root);
  ASSERT_TRUE(shipped) << shipped.error().message;
  const Settings defaults;
  EXPECT_EQ(shipped->http.port, defaults.http.port);
  EXPECT_EQ(shipped->http.address, defaults.http.address);
  EXPECT_EQ(shipped->http.read_header_timeout, defaults.http.read_header_timeout);
  EXPECT_EQ(shipped->http.read_timeout, defaults.http.read_timeout);
  EXPECT_EQ(shipped->http.write_timeout, defaults.http.write_timeout);
  EXPECT_EQ(shipped->http.idle_timeout, defaults.http.idle_timeout);
  EXPECT_EQ(shipped->http.shutdown_timeout, defaults.http.shutdown_timeout);
  EXPECT_EQ(shipped->http.body_limit, defaults.http.body_limit);
  EXPECT_EQ(shipped->http.max_connections, defaults.http.max_connections);
  EXPECT_EQ(shipped->http.request_logging, defaults.http.request_logging);
  EXPECT_EQ(shipped->upstream.dial_timeout, defaults.upstream.dial_timeout);
  EXPECT_EQ(shipped->upstream.response_timeout, defaults.upstream.response_timeout);
  EXPECT_EQ(shipped->upstream.idle_timeout, defaults.upstream.idle_timeout);
  EXPECT_EQ(shipped->healthchecker.interval, 30s);
  EXPECT_EQ(shipped->healthchecker.request_timeout, 5s);
  EXPECT_EQ(shipped->healthchecker.dial_timeout, 5s);
  EXPECT_EQ(shipped->healthchecker.retries, 3);
  EXPECT_EQ(shipped->registry.grader.min_checks, 3);
  EXPECT_EQ(shipped->registry.grader.min_success_rate, 0.9);
  EXPECT_EQ(shipped->registry.grader.max_recent_failure_streak, 3);
  EXPECT_EQ(shipped->registry.grader.max_age, 15min);
  EXPECT_EQ(shipped->registry.reevaluate, 30s);
  EXPECT_EQ(shipped->registry.max_nodes, defaults.registry.max_nodes);
  EXPECT_EQ(shipped->registry.max_bytes, defaults.registry.max_bytes);
  EXPECT_EQ(shipped->default_credit_amount, 262144);
  EXPECT_EQ(shipped->log_level, "info");
  EXPECT_EQ(shipped->run_as, "");
  EXPECT_EQ(shipped->threads, 0u);
}

TEST(Settings, AnEmptyFileGivesTheDefaults) {
  const auto settings = read("");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->http.port, 3600);
  EXPECT_EQ(settings->healthchecker.interval, 30s);
}

TEST(Settings, RefusesUnknownKeysAndImpossibleValues) {
  struct Row {
    const char* text;
    ErrorCode want;
    const char* names;
  };
  const Row rows[] = {
      {"http: {prot: 1}", config::kUnknownKey, "http.prot"},
      {"anonpay: {currency_key: x}", config::kUnknownKey, "anonpay"},
      {"http: {port: 65536}", config::kBadValue, "http.port"},
      {"http: {port: x}", config::kBadValue, "http.port"},
      {"http: {idle_timeout: 0s}", config::kBadValue, "http.idle_timeout"},
      {"http: {read_timeout: 30}", config::kBadValue, "http.read_timeout"},
      {"http: {max_connections: 0}", config::kBadValue, "http.max_connections"},
      {"healthchecker: {interval: 1ms}", config::kBadValue, "healthchecker.interval"},
      {"healthchecker: {retries: 0}", config::kBadValue, "healthchecker.retries"},
      {"healthgrader: {min_checks: 0}", config::kBadValue, "healthgrader.min_checks"},
      {"healthgrader: {min_success_rate: 1.5}", config::kBadValue, "healthgrader"},
      {"healthgrader: {min_success_rate: 0, max_recent_failure_streak: 0}", config::kBadValue, "healthgrader"},
      {"cleanup_interval: 0s", config::kBadValue, "cleanup_interval"},
      {"payments: {mode: gold}", config::kBadValue, "payments.mode"},
      {"payments: {default_credit_amount: 0}", config::kBadValue, "payments.default_credit_amount"},
  };
  for (const Row& row : rows) {
    const auto settings = read(row.text);
    ASSERT_FALSE(settings) << row.text;
    EXPECT_EQ(settings.error().code, row.want) << row.text;
    EXPECT_NE(settings.error().message.find(row.names), std::string::npos) << settings.error().message;
  }
}

}  // namespace
}  // namespace openpcc::router
