// noop.cc - answers without a model, to measure everything else.
//
// A request with `X-Confsec-Exec: noop` gets the official canned answer (confidentcompute computeworker/service.go
// recordNoopResponse). Any other goes through the API layer with a source that says "noop" in four tokens, so that
// streaming and whole answers, parameters and counts behave as with a model.
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "bhttp/message.h"
#include "engine/api.h"
#include "engine/engine.h"

namespace openpcc::engine {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kPromptTokens = 1;
constexpr std::array<std::string_view, 4> kTokens = {"n", "o", "o", "p"};

class NoopSource : public TokenSource {
 public:
  Accepted<uint64_t> begin(const Generation&) override {
    next_ = 0;
    return static_cast<uint64_t>(kPromptTokens);
  }
  uint64_t room() const override { return 1 << 20; }
  Result<std::optional<std::string_view>> next() override {
    return next_ == kTokens.size() ? std::nullopt : std::optional(kTokens[next_++]);
  }

 private:
  size_t next_ = 0;
};

std::string date_header(std::time_t now) {
  tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  return {text, strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

std::string created_at(std::time_t now) {
  tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  return {text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

class NoopEngine : public Engine {
 public:
  explicit NoopEngine(std::vector<std::string> models) : models_(std::move(models)) {}

  std::string_view name() const override { return "noop"; }
  std::vector<std::string> models() const override { return models_; }
  Status load() override { return {}; }

  Result<std::optional<Usage>> handle(const Request& request, ResponseSink& sink) override {
    if (request.exec == "noop") {
      return canned(request.path, sink);
    }
    const auto find = [this](std::string_view model) -> TokenSource* {
      return std::find(models_.begin(), models_.end(), model) == models_.end() ? nullptr : &source_;
    };
    return answer(request, find, 0, system_environment(), sink);
  }

 private:
  static Result<std::optional<Usage>> canned(std::string_view path, ResponseSink& sink) {
    const Usage usage{kPromptTokens, static_cast<int64_t>(kTokens.size())};
    const std::time_t now = std::time(nullptr);
    const bhttp::Fields fields = {{"content-type", "application/x-ndjson"}, {"date", date_header(now)}};
    OPENPCC_TRY_STATUS(sink.head(200, fields, std::nullopt));
    if (path == kChatCompletionsPath) {
      ordered_json choice = {{"index", 0}};
      choice["message"] = {{"role", "assistant"}, {"content", "noop"}};
      choice["finish_reason"] = "stop";
      ordered_json answer = {
          {"id", "chatcmpl-noop"}, {"object", "chat.completion"}, {"created", now}, {"model", "none"}};
      answer["choices"] = ordered_json::array({choice});
      answer["usage"] = {{"prompt_tokens", usage.input_tokens},
                         {"completion_tokens", usage.output_tokens},
                         {"total_tokens", usage.input_tokens + usage.output_tokens}};
      OPENPCC_TRY_STATUS(sink.content(as_bytes(answer.dump() + "\n")));
      return usage;
    }
    const ordered_json first = {
        {"model", "none"}, {"created_at", created_at(now)}, {"response", "noop"}, {"done", false}};
    const ordered_json last = {{"model", "none"},
                               {"created_at", created_at(now)},
                               {"response", ""},
                               {"done", true},
                               {"done_reason", "stop"},
                               {"prompt_eval_count", usage.input_tokens},
                               {"eval_count", usage.output_tokens}};
    OPENPCC_TRY_STATUS(sink.content(as_bytes(first.dump() + "\n" + last.dump() + "\n")));
    // The official worker looks for OpenAI's counts in an answer at this path, and finds none.
    if (path == kCompletionsPath) return std::nullopt;
    return usage;
  }

  std::vector<std::string> models_;
  NoopSource source_;
};

}  // namespace

std::unique_ptr<Engine> make_noop(std::vector<std::string> models) {
  return std::make_unique<NoopEngine>(std::move(models));
}

}  // namespace openpcc::engine
