// asking.h - asks an engine that has loaded a model, each time from a forked child as the worker does. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/engine.h"
#include "engine/testing/bare.h"
#include "engine/testing/model_files.h"
#include "engine/testing/scripted.h"

namespace openpcc::engine {

using nlohmann::json;

inline constexpr uint32_t kThreads = 2;

inline std::unique_ptr<Engine> loaded(const std::string& path, uint32_t context = 2048) {
  EmbeddedConfig config;
  config.models = {{"m", path}};
  config.threads = kThreads;
  config.context_tokens = context;
  auto engine = make_embedded(config);
  const auto status = engine->load();
  EXPECT_TRUE(status) << status.error().message;
  return engine;
}

// What a child forked after load() answers: {"status", "body", "usage"}.
inline json ask(Engine& engine, std::string_view path, const json& body) {
  return json::parse(in_child([&] {
    CollectingSink sink;
    const std::string text = body.dump();
    const auto usage = engine.handle({path, as_bytes(text)}, sink);
    json out = {{"status", sink.status}, {"body", sink.body}, {"pieces", sink.pieces.size()}};
    if (!usage) {
      out["error"] = usage.error().message;
    } else if (*usage) {
      out["usage"] = {(*usage)->input_tokens, (*usage)->output_tokens};
    }
    return out.dump();
  }));
}

inline json chat(const std::string& text, const json& more = json::object()) {
  json body = {
      {"model", "m"}, {"messages", {{{"role", "user"}, {"content", text}}}}, {"temperature", 0}, {"max_tokens", 40}};
  body.update(more);
  return body;
}

inline std::string content_of(const json& result) {
  const json body = json::parse(result["body"].get<std::string>());
  return body["choices"][0]["message"]["content"].get<std::string>();
}

inline std::string finish_of(const json& result) {
  return json::parse(result["body"].get<std::string>())["choices"][0]["finish_reason"].get<std::string>();
}

// What the bare library answers in a child of its own, always with the most probable token.
inline json bare(const std::string& path, const std::string& text, int max_tokens,
                 const BareSampling* sampling = nullptr) {
  return json::parse(in_child([&] {
    const BareAnswer answer = ask_bare_library(path, {{"user", text}}, max_tokens, kThreads, sampling);
    const json out = {{"prompt", answer.prompt.size()}, {"tokens", answer.tokens.size()}, {"text", answer.text},
                      {"ids", answer.tokens},           {"logprobs", answer.logprobs},    {"top", answer.top}};
    return out.dump(-1, ' ', false, json::error_handler_t::replace);
  }));
}

}  // namespace openpcc::engine
