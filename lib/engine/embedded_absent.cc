// embedded_absent.cc - in place of embedded.cc in a build without libllama (OPENPCC_LLAMA=OFF).
#include "engine/engine.h"

namespace openpcc::engine {
namespace {

Status unavailable() {
  return fail(kUnavailable,
              "this build has no embedded engine: configure with -DOPENPCC_LLAMA=ON, or use the engine http");
}

class AbsentEngine : public Engine {
 public:
  explicit AbsentEngine(EmbeddedConfig config) : config_(std::move(config)) {}
  std::string_view name() const override { return "embedded"; }
  std::vector<std::string> models() const override {
    std::vector<std::string> names;
    for (const ModelFile& file : config_.models) {
      names.push_back(file.name);
    }
    return names;
  }
  Status load() override { return unavailable(); }
  Result<std::optional<Usage>> handle(const Request&, ResponseSink&) override {
    return std::unexpected(unavailable().error());
  }

 private:
  EmbeddedConfig config_;
};

}  // namespace

std::unique_ptr<Engine> make_embedded(EmbeddedConfig config) {
  return std::make_unique<AbsentEngine>(std::move(config));
}

std::string embedded_description() {
  return "embedded (not in this build)";
}

}  // namespace openpcc::engine
