// Does the engine answer? The worker's own socket is asked; an HTTP server, moreover, must generate a few tokens with
// each model, as the official program has it, so that the first user does not wait for it to load.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "compute_boot/boot.h"
#include "net/blocking_client.h"
#include "worker/ping.h"

namespace openpcc::compute_boot {

namespace {

using process::Clock;

Status ask_worker(const EngineConfig& engine, process::Deadline deadline) {
  spdlog::info("waiting for the worker at {}", engine.worker_socket);
  const auto pong = worker::ping(engine.worker_socket, deadline);
  if (!pong) return fail(kEngineDown, "the worker does not answer: " + pong.error().message);
  for (const Model& model : engine.models) {
    if (std::ranges::find(pong->models, model.name) == pong->models.end()) {
      return fail(kEngineDown, "the worker does not serve the model " + model.name);
    }
  }
  if (pong->models.size() != engine.models.size()) {
    return fail(kEngineDown, "the worker serves models that are not measured into PCR 12");
  }
  const bool http = engine.kind == EngineKind::kHttp;
  if (!http && pong->engine != engine.type) {
    return fail(kEngineDown, "the worker runs the engine " + pong->engine + ", not " + engine.type);
  }
  return {};
}

net::HttpClientOptions client_options(process::Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  net::HttpClientOptions options;
  options.head_timeout = std::max(left, std::chrono::milliseconds(1));
  options.idle_timeout = options.head_timeout;
  return options;
}

constexpr size_t kMaxAnswer = size_t{1} << 20;

Status wait_until_ready(const EngineConfig& engine, const net::Url& base, process::Deadline deadline) {
  // vLLM says it at /health, Ollama at its root, llama-server at /health, and at its root only with a user interface.
  std::vector<net::Url> places = {base.with_path("/health")};
  if (engine.type != "vllm") places.insert(places.begin(), base);
  std::string why;
  while (Clock::now() < deadline) {
    for (const net::Url& place : places) {
      net::HttpRequest request;
      request.url = place;
      net::BlockingHttpClient client(client_options(deadline));
      const auto answer = client.fetch(request, kMaxAnswer);
      if (answer && answer->head.status == 200) return {};
      why = answer ? "status " + std::to_string(answer->head.status) : answer.error().message;
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(std::chrono::seconds(1), deadline - Clock::now()));
  }
  return fail(kEngineDown, "the engine at " + base.origin() + " is not ready: " + why);
}

Status prewarm(const Model& model, const net::Url& base, process::Deadline deadline) {
  spdlog::info("prewarming {}", model.name);
  const nlohmann::json body = {{"model", model.name}, {"prompt", "Ping"}, {"stream", false}, {"max_tokens", 10}};
  const std::string text = body.dump();
  net::HttpRequest request;
  request.method = "POST";
  request.url = base.with_path("/v1/completions");
  request.fields = {{"Content-Type", "application/json"}};
  request.body = as_bytes(text);
  net::BlockingHttpClient client(client_options(deadline));
  const auto answer = client.fetch(request, kMaxAnswer);
  if (answer && answer->head.status == 200) return {};
  return fail(kEngineDown, "the engine does not generate with the model " + model.name + ": " +
                               (answer ? "status " + std::to_string(answer->head.status) : answer.error().message));
}

}  // namespace

Status check_engine(const EngineConfig& engine) {
  if (engine.skip) {
    spdlog::warn("the engine is not asked whether it answers (inference_engine.skip)");
    return {};
  }
  const auto deadline = process::within(std::chrono::duration_cast<Clock::duration>(engine.ready_timeout));
  if (!engine.worker_socket.empty()) OPENPCC_TRY_STATUS(ask_worker(engine, deadline));
  if (engine.kind != EngineKind::kHttp || engine.url.empty()) return {};
  OPENPCC_TRY(const net::Url base, net::parse_url(engine.url));
  OPENPCC_TRY_STATUS(wait_until_ready(engine, base, deadline));
  for (const Model& model : engine.models) OPENPCC_TRY_STATUS(prewarm(model, base, deadline));
  return {};
}

}  // namespace openpcc::compute_boot
