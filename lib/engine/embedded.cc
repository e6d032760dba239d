// embedded.cc - the engine that runs the model inside the worker, with libllama.
#include <cstdlib>

#include "engine/api.h"
#include "engine/engine.h"
#include "engine/llama_model.h"

extern "C" const char* openpcc_cpu_variant(void);  // cmake/llama/dispatch.c

namespace openpcc::engine {
namespace {

constexpr uint32_t kMostThreads = 1024;

// libllama logs prompts at some levels, and a process that handles plaintext logs none of it.
void discard_log(ggml_log_level, const char*, void*) {}

class EmbeddedEngine : public Engine {
 public:
  explicit EmbeddedEngine(EmbeddedConfig config) : config_(std::move(config)) {}

  std::string_view name() const override { return "embedded"; }

  std::vector<std::string> models() const override {
    std::vector<std::string> names;
    names.reserve(config_.models.size());
    for (const ModelFile& file : config_.models) {
      names.push_back(file.name);
    }
    return names;
  }

  Status load() override {
    OPENPCC_TRY_STATUS(check_config());
    llama_log_set(discard_log, nullptr);
    ggml_log_set(discard_log, nullptr);
    setenv("GGML_NO_BACKTRACE", "1", 1);  // a failed assertion would start a debugger, which prints memory
    llama_backend_init();
    std::vector<std::unique_ptr<LlamaModel>> loaded;
    for (const ModelFile& file : config_.models) {
      OPENPCC_TRY(auto model, LlamaModel::load(file, config_));
      loaded.push_back(std::move(model));
    }
    models_ = std::move(loaded);
    return {};
  }

  void limit_threads(const std::atomic<uint16_t>& most) override {
    for (const auto& model : models_) model->limit_threads(most);
  }

  Result<std::optional<Usage>> handle(const Request& request, ResponseSink& sink) override {
    if (models_.empty()) {
      return fail(kNotLoaded, "the model is not loaded");
    }
    const auto find = [this](std::string_view name) -> TokenSource* {
      for (const auto& model : models_) {
        if (model->name() == name) {
          return model.get();
        }
      }
      return nullptr;
    };
    return answer(request, find, static_cast<uint64_t>(std::max<int64_t>(config_.default_max_tokens, 0)),
                  system_environment(), sink);
  }

 private:
  Status check_config() const {
    if (config_.models.empty()) {
      return fail(kBadConfig, "no model is configured");
    }
    for (size_t i = 0; i < config_.models.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (config_.models[i].name == config_.models[j].name) {
          return fail(kBadConfig, "two models are named '" + config_.models[i].name + "'");
        }
      }
      if (config_.models[i].name.empty() || config_.models[i].path.empty()) {
        return fail(kBadConfig, "a model has no name or no path");
      }
      const uint32_t context = config_.models[i].context_tokens.value_or(config_.context_tokens);
      if (context < 16 || config_.models[i].threads.value_or(config_.threads) > kMostThreads) {
        return fail(kBadConfig, "context_tokens must be at least 16 and threads at most 1024, for the model '" +
                                    config_.models[i].name + "' as well");
      }
    }
    if (config_.batch_tokens == 0) {
      return fail(kBadConfig, "batch_tokens must be at least 1");
    }
    return {};
  }

  EmbeddedConfig config_;
  std::vector<std::unique_ptr<LlamaModel>> models_;
};

}  // namespace

std::unique_ptr<Engine> make_embedded(EmbeddedConfig config) {
  return std::make_unique<EmbeddedEngine>(std::move(config));
}

std::string embedded_description() {
  return std::string("embedded (") + openpcc_cpu_variant() + ")";
}

}  // namespace openpcc::engine
