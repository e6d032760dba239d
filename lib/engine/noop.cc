// noop.cc - answers without a model, to measure everything else.
//
// A request whose X-Confsec-Exec names a mode gets that mode's answer (exec_modes.h). Any other goes through the API
// layer with a source that says "noop" in four tokens, so that streaming and whole answers, parameters and counts
// behave as with a model.
#include <algorithm>
#include <array>

#include "engine/api.h"
#include "engine/engine.h"
#include "engine/exec_modes.h"

namespace openpcc::engine {
namespace {

constexpr int64_t kPromptTokens = 1;
constexpr std::array<std::string_view, 4> kTokens = {"n", "o", "o", "p"};

class NoopSource : public TokenSource {
 public:
  Accepted<uint64_t> begin(const Generation& generation) override {
    next_ = 0;
    with_chances_ = generation.top_logprobs.has_value();
    return static_cast<uint64_t>(kPromptTokens);
  }
  uint64_t room() const override { return 1 << 20; }
  Result<std::optional<std::string_view>> next() override {
    if (next_ == kTokens.size()) {
      return std::nullopt;
    }
    chances_ = {.chosen = {std::string(kTokens[next_]), 0}};  // it is certain
    return kTokens[next_++];
  }
  const TokenChances* chances() const override { return with_chances_ ? &chances_ : nullptr; }

 private:
  size_t next_ = 0;
  bool with_chances_ = false;
  TokenChances chances_;
};

class NoopEngine : public Engine {
 public:
  explicit NoopEngine(std::vector<std::string> models) : models_(std::move(models)) {}

  std::string_view name() const override { return "noop"; }
  std::vector<std::string> models() const override { return models_; }
  Status load() override { return {}; }

  Result<std::optional<Usage>> handle(const Request& request, ResponseSink& sink) override {
    if (is_exec_mode(request.exec)) {
      return answer_exec(request, system_exec_environment(), sink);
    }
    const auto find = [this](std::string_view model) -> TokenSource* {
      return std::find(models_.begin(), models_.end(), model) == models_.end() ? nullptr : &source_;
    };
    return answer(request, find, 0, system_environment(), sink);
  }

 private:
  std::vector<std::string> models_;
  NoopSource source_;
};

}  // namespace

std::unique_ptr<Engine> make_noop(std::vector<std::string> models) {
  return std::make_unique<NoopEngine>(std::move(models));
}

}  // namespace openpcc::engine
