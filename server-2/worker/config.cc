#include "worker/config.h"

#include "base/base64.h"
#include "config/config.h"
#include "crypto/signature.h"
#include "engine/threads.h"
#include "worker/protocol.h"

namespace openpcc::worker {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kFewestContextTokens = 16;
constexpr int64_t kMostContextTokens = 1 << 24;
constexpr int64_t kMostThreads = 1024;
constexpr uint32_t kSpareThreads = 3;  // for a library that starts one of its own

// As in the official router_com.yaml: base64 of the PEM text.
Result<Bytes> badge_key_of(const config::Section& root) {
  OPENPCC_TRY(const std::string text, root.get_string("badge_public_key", ""));
  if (text.empty()) return Bytes();
  const auto pem = from_base64(text);
  if (!pem) return root.bad_value("badge_public_key", "not base64");
  auto key = crypto::ed25519_key_from_pem(as_text(*pem));
  if (!key) return root.bad_value("badge_public_key", "not an Ed25519 public key in PEM form");
  return key;
}

Status read_models(const config::Section& engine, Config& config) {
  OPENPCC_TRY(const auto models, engine.sections("models"));
  if (models.empty() || models.size() > kMaxModels) return engine.bad_value("models", "1 to 256 models are needed");
  size_t all_names = 0;
  for (const config::Section& model : models) {
    engine::ModelFile file;
    OPENPCC_TRY(file.name, model.get_string("name"));
    if (file.name.size() > kMaxNameSize) return model.bad_value("name", "longer than 512 bytes");
    all_names += file.name.size();
    if (all_names > kMaxAllModelNames) return model.bad_value("name", "all names together are longer than 32 KiB");
    OPENPCC_TRY(file.path, model.get_string("path", ""));
    OPENPCC_TRY(file.chat_template_path, model.get_string("chat_template", ""));
    OPENPCC_TRY(const int64_t context, model.get_int("context_tokens", 0, 0, kMostContextTokens));
    if (context != 0 && context < kFewestContextTokens) return model.bad_value("context_tokens", "fewer than 16");
    if (context != 0) file.context_tokens = static_cast<uint32_t>(context);
    OPENPCC_TRY(const int64_t threads, model.get_int("threads", 0, 0, kMostThreads));
    if (threads != 0) file.threads = static_cast<uint32_t>(threads);
    if (config.engine_type == "embedded" && file.path.empty()) {
      return model.bad_value("path", "the embedded engine needs a GGUF file");
    }
    config.model_names.push_back(file.name);
    config.embedded.models.push_back(std::move(file));
  }
  config.http.models = config.model_names;
  return {};
}

Status read_engine(const config::Section& engine, Config& config) {
  OPENPCC_TRY(config.engine_type, engine.get_string("type"));
  if (config.engine_type != "embedded" && config.engine_type != "http" && config.engine_type != "noop") {
    return engine.bad_value("type", "none of embedded, http, noop");
  }
  OPENPCC_TRY_STATUS(read_models(engine, config));
  OPENPCC_TRY(config.http.base_url, engine.get_string("url", config.http.base_url));
  const auto number = [&](std::string_view key, uint32_t& value, int64_t min, int64_t max) -> Status {
    OPENPCC_TRY(const int64_t read, engine.get_int(key, value, min, max));
    value = static_cast<uint32_t>(read);
    return {};
  };
  OPENPCC_TRY_STATUS(
      number("context_tokens", config.embedded.context_tokens, kFewestContextTokens, kMostContextTokens));
  OPENPCC_TRY_STATUS(number("threads", config.embedded.threads, 0, kMostThreads));
  OPENPCC_TRY_STATUS(number("batch_tokens", config.embedded.batch_tokens, 1, 1 << 16));
  OPENPCC_TRY(config.embedded.default_max_tokens, engine.get_int("default_max_tokens", 0, 0, 1 << 24));
  return {};
}

Status read_sandbox(const config::Section& section, Config& config) {
  OPENPCC_TRY(const auto names, section.get_strings("without", {}));
  for (const std::string& name : names) {
    const auto layer = sandbox::layer_named(name);
    if (!layer) return section.bad_value("without", "'" + name + "' is none of user, network, landlock, seccomp");
    config.sandbox_without.insert(*layer);
  }
  // Above those that systems give to people and services; below 2^31, which not all programs take.
  OPENPCC_TRY(const int64_t first_uid, section.get_int("first_uid", 59200, 1000, 2'000'000'000));
  config.first_uid = static_cast<uid_t>(first_uid);
  OPENPCC_TRY(config.child_memory, section.get_size("memory", uint64_t{4} << 30));
  return {};
}

Status read_children(const config::Section& root, Config& config) {
  const auto number = [&](std::string_view key, size_t& value, int64_t fallback, int64_t min) -> Status {
    OPENPCC_TRY(const int64_t read, root.get_int(key, fallback, min, 4096));
    value = static_cast<size_t>(read);
    return {};
  };
  OPENPCC_TRY_STATUS(number("max_workers", config.max_workers, 16, 1));
  OPENPCC_TRY_STATUS(number("pool_size", config.pool_size, 4, 0));
  OPENPCC_TRY(config.fresh_children, root.get_bool("fresh_children", false));
  OPENPCC_TRY_STATUS(number("queue_length", config.queue_length, 64, 0));
  OPENPCC_TRY(config.queue_timeout, root.get_duration("queue_timeout", 10s));
  if (config.queue_timeout > kMaxQueueTime)
    return root.bad_value("queue_timeout", "above 30s: router_com waits no longer");
  return read_sandbox(root.section("sandbox"), config);
}

Result<Config> read(const config::Section& root) {
  Config config;
  OPENPCC_TRY(config.run_as, root.get_string("run_as", ""));
  OPENPCC_TRY(config.log_level, root.get_string("log_level", "info"));
  OPENPCC_TRY(config.socket, root.get_string("socket"));
  OPENPCC_TRY(config.router_com_user, root.get_string("router_com_user", ""));
  OPENPCC_TRY(config.broker_socket, root.get_string("broker_socket"));
  OPENPCC_TRY_STATUS(read_engine(root.section("engine"), config));
  OPENPCC_TRY(config.badge_key, badge_key_of(root));
  OPENPCC_TRY_STATUS(read_children(root, config));
  OPENPCC_TRY(config.request_timeout, root.get_duration("request_timeout", 5min));
  OPENPCC_TRY(config.receive_timeout, root.get_duration("receive_timeout", 1min));
  OPENPCC_TRY(config.shutdown_timeout, root.get_duration("shutdown_timeout", 30s));
  OPENPCC_TRY(config.pad_lines, root.get_bool("pad_lines", true));
  OPENPCC_TRY(config.min_flush_interval, root.get_duration("min_flush_interval", 0s));
  if (config.min_flush_interval < 0s || config.min_flush_interval > 10s) {
    return root.bad_value("min_flush_interval", "not between 0s and 10s");
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(config.request_timeout).count();
  config.http.timeout_seconds = static_cast<uint32_t>(std::max<int64_t>(seconds, 1));
  OPENPCC_TRY_STATUS(root.expect_all_used());
  return config;
}

}  // namespace

Result<Config> load_config(const std::string& path) {
  OPENPCC_TRY(const config::Section root, config::load_file(path));
  return read(root);
}

Result<Config> parse_config(std::string_view yaml) {
  OPENPCC_TRY(const config::Section root, config::parse(yaml, "compute_worker.yaml"));
  return read(root);
}

uint32_t engine_threads(const Config& config) {
  return config.engine_type == "embedded" ? engine::most_threads(config.embedded) : 1;
}

uint32_t child_threads(const Config& config) {
  const uint32_t threads = engine_threads(config);
  return (threads > 1 ? 3 * threads : 1) + kSpareThreads;
}

std::unique_ptr<engine::Engine> make_engine(const Config& config) {
  if (config.engine_type == "embedded") return engine::make_embedded(config.embedded);
  if (config.engine_type == "http") return engine::make_http(config.http);
  return engine::make_noop(config.model_names);
}

}  // namespace openpcc::worker
