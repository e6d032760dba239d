#include "worker/config.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <fstream>
#include <sstream>

#include "config/config.h"

namespace openpcc::worker {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kSmallest = R"(
socket: /run/w.sock
broker_socket: /run/b.sock
engine:
  type: noop
  models:
    - name: a
)";

TEST(WorkerConfig, TheFileWeShipIsValid) {
  const auto config = load_config("../config/compute_worker.yaml");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->engine_type, "embedded");
  EXPECT_EQ(config->model_names, std::vector<std::string>{"smollm2:135m"});
  EXPECT_EQ(config->request_timeout, 5min);
  EXPECT_TRUE(config->badge_key.empty());
}

TEST(WorkerConfig, DefaultsAndValues) {
  auto config = parse_config(kSmallest);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->max_workers, 16U);
  EXPECT_EQ(config->shutdown_timeout, 30s);
  EXPECT_EQ(make_engine(*config)->models(), std::vector<std::string>{"a"});
  config = parse_config(std::string(kSmallest) + R"(
max_workers: 2
badge_public_key: "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUNvd0JRWURLMlZ3QXlFQTFKNXJhQTdEZTQ0elFSRVpxU21BbkRMK1RObjFPUUROZW1sWmc4eWc3azg9Ci0tLS0tRU5EIFBVQkxJQyBLRVktLS0tLQo="
)");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->max_workers, 2U);
  EXPECT_EQ(to_hex(config->badge_key), "d49e6b680ec37b8e33411119a929809c32fe4cd9f53900cd7a695983cca0ee4f");
}

TEST(WorkerConfig, AModelMayHaveItsOwnContextAndThreads) {
  const auto config = parse_config(R"(
socket: /run/w.sock
broker_socket: /run/b.sock
engine:
  type: embedded
  context_tokens: 2048
  models:
    - {name: a, path: /a, context_tokens: 512, threads: 3}
    - {name: b, path: /b}
)");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  ASSERT_EQ(config->embedded.models.size(), 2U);
  EXPECT_EQ(config->embedded.models[0].context_tokens, 512U);
  EXPECT_EQ(config->embedded.models[0].threads, 3U);
  EXPECT_FALSE(config->embedded.models[1].context_tokens);
  EXPECT_FALSE(config->embedded.models[1].threads);
}

TEST(WorkerConfig, AChildMayHaveTheThreadsOfItsEngineAndAFewMore) {
  auto config = parse_config(kSmallest);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(child_threads(*config), 4U);
  config->embedded.threads = 50;
  EXPECT_EQ(child_threads(*config), 4U) << "another engine's setting";
  config->engine_type = "embedded";
  EXPECT_EQ(child_threads(*config), 153U);
  config->embedded.models.push_back({.name = "b", .path = "/b", .threads = 70});
  EXPECT_EQ(child_threads(*config), 213U) << "of the model with the most";
  config->embedded.models.pop_back();
  config->embedded.threads = 0;
  cpu_set_t processors;
  ASSERT_EQ(::sched_getaffinity(0, sizeof processors, &processors), 0);
  const auto count = static_cast<uint32_t>(CPU_COUNT(&processors));
  EXPECT_EQ(engine_threads(*config), count);
  EXPECT_EQ(child_threads(*config), count == 1 ? 4U : 3U + 3 * count);
}

TEST(WorkerConfig, MistakesAreNamed) {
  const struct {
    const char* find;
    const char* replace;
    const char* named;
  } rows[] = {
      {"socket: /run/w.sock", "sokcet: /run/w.sock", "socket"},
      {"type: noop", "type: magic", "type"},
      {"type: noop", "type: embedded", "path"},
      {"    - name: a", "", "models"},
      {"    - name: a", "    - path: a", "name"},
      {"    - name: a", "    - {name: a, context_tokens: 15}", "context_tokens"},
      {"    - name: a", "    - {name: a, context_tokens: many}", "context_tokens"},
      {"    - name: a", "    - {name: a, threads: 1025}", "threads"},
      {"    - name: a", "    - {name: a, batch_tokens: 1}", "batch_tokens"},
      {"engine:", "max_workers: 0\nengine:", "max_workers"},
      {"engine:", "badge_public_key: \"AAAA\"\nengine:", "badge_public_key"},
      {"engine:", "receive_timeout: soon\nengine:", "receive_timeout"},
      {"engine:", "something: 1\nengine:", "something"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.replace);
    std::string yaml(kSmallest);
    yaml.replace(yaml.find(row.find), std::string_view(row.find).size(), row.replace);
    const auto config = parse_config(yaml);
    ASSERT_FALSE(config.has_value());
    EXPECT_NE(config.error().message.find(row.named), std::string::npos) << config.error().message;
  }
}

}  // namespace
}  // namespace openpcc::worker
