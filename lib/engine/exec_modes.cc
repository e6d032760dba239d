#include "engine/exec_modes.h"

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>
#include <thread>

#include "bhttp/message.h"
#include "engine/counted_answer.h"

namespace openpcc::engine {
namespace {

using nlohmann::ordered_json;
using std::chrono::microseconds;

constexpr std::string_view kDiagnosticPrefix = "diagnostic-";
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kCreditOfOutputToken = 2;
constexpr uint64_t kFullInHundred = 11;  // answers that use up their credit: of a hundred
constexpr microseconds kLinePause(15'000);

// Passes an answer on and counts it as the official worker does.
class CountingSink : public ResponseSink {
 public:
  CountingSink(std::string_view path, ResponseSink& to) : counted_(path), to_(to) {}
  Status head(int status, const std::vector<bhttp::Field>& fields, std::optional<uint64_t> length) override {
    return to_.head(status, fields, length);
  }
  Status content(ByteView bytes) override {
    counted_.feed(bytes);
    return to_.content(bytes);
  }
  [[nodiscard]] std::optional<Usage> usage() { return counted_.finish(); }

 private:
  CountedAnswer counted_;
  ResponseSink& to_;
};

std::string formatted(int64_t unix_nanoseconds, const char* format) {
  const auto seconds = static_cast<std::time_t>(unix_nanoseconds / kSecond);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  return {text, strftime(text, sizeof text, format, &parts)};
}

std::string date_header(int64_t now) {
  return formatted(now, "%a, %d %b %Y %H:%M:%S GMT");
}

std::string created_at(int64_t now) {
  return formatted(now, "%Y-%m-%dT%H:%M:%S.") + std::to_string(kSecond + now % kSecond).substr(1) + "Z";
}

Status write_line(const ordered_json& line, ResponseSink& sink) {
  return sink.content(as_bytes(line.dump() + "\n"));
}

Status answer_noop(std::string_view path, int64_t now, ResponseSink& sink) {
  OPENPCC_TRY_STATUS(
      sink.head(200, {{"content-type", "application/x-ndjson"}, {"date", date_header(now)}}, std::nullopt));
  if (path == kChatCompletionsPath) {
    ordered_json choice = {{"index", 0}};
    choice["message"] = {{"role", "assistant"}, {"content", "noop"}};
    choice["finish_reason"] = "stop";
    ordered_json answer = {
        {"id", "chatcmpl-noop"}, {"object", "chat.completion"}, {"created", now / kSecond}, {"model", "none"}};
    answer["choices"] = ordered_json::array({choice});
    answer["usage"] = {{"prompt_tokens", 1}, {"completion_tokens", 4}, {"total_tokens", 5}};
    return write_line(answer, sink);
  }
  const ordered_json first = {
      {"model", "none"}, {"created_at", created_at(now)}, {"response", "noop"}, {"done", false}};
  const ordered_json last = {{"model", "none"},       {"created_at", created_at(now)}, {"response", ""}, {"done", true},
                             {"done_reason", "stop"}, {"prompt_eval_count", 1},        {"eval_count", 4}};
  return sink.content(as_bytes(first.dump() + "\n" + last.dump() + "\n"));
}

// Uniform in [0, below); 0 where there is nothing to choose from.
Result<uint64_t> random_below(uint64_t below, const RandomSource& random) {
  if (below < 2) {
    return uint64_t{0};
  }
  const uint64_t unfair = (UINT64_MAX - below + 1) % below;  // 2^64 modulo below
  while (true) {
    std::array<uint8_t, 8> bytes{};
    OPENPCC_TRY_STATUS(random(bytes));
    uint64_t number = 0;
    for (const uint8_t byte : bytes) {
      number = number << 8 | byte;
    }
    if (number >= unfair) {
      return number % below;
    }
  }
}

Result<std::string> random_token(const RandomSource& random) {
  constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  OPENPCC_TRY(const uint64_t more, random_below(3, random));
  std::array<uint8_t, 5> bytes{};
  OPENPCC_TRY_STATUS(random(bytes));
  std::string token;
  for (size_t i = 0; i < 3 + more; ++i) {
    token += kBase32[bytes[i] % kBase32.size()];
  }
  return token;
}

Status answer_simulated(int64_t credit, const ExecEnvironment& environment, ResponseSink& sink) {
  const uint64_t most = credit > 0 ? static_cast<uint64_t>(credit / kCreditOfOutputToken) : 0;
  OPENPCC_TRY(uint64_t count, random_below(most, environment.random));
  OPENPCC_TRY(const uint64_t chance, random_below(100, environment.random));
  if (chance < kFullInHundred) {
    count = most;
  }
  const int64_t start = environment.unix_nanoseconds();
  OPENPCC_TRY_STATUS(
      sink.head(200, {{"content-type", "application/x-ndjson"}, {"date", date_header(start)}}, std::nullopt));
  for (uint64_t i = 0; i < count; ++i) {
    OPENPCC_TRY(const std::string token, random_token(environment.random));
    const ordered_json line = {{"model", "simulated"},
                               {"created_at", created_at(environment.unix_nanoseconds())},
                               {"response", token},
                               {"done", false}};
    OPENPCC_TRY_STATUS(write_line(line, sink));
    OPENPCC_TRY(const uint64_t jitter, random_below(4, environment.random));
    environment.pause(microseconds(2 + jitter));
  }
  const int64_t now = environment.unix_nanoseconds();
  const int64_t took = now - start;
  ordered_json last = {{"model", "simulated"},
                       {"created_at", created_at(now)},
                       {"response", ""},
                       {"done", true},
                       {"done_reason", "stop"}};
  last["context"] = std::vector<int>(40, 12345);
  last["total_duration"] = took;
  last["load_duration"] = took;
  last["prompt_eval_count"] = count;
  last["prompt_eval_duration"] = took;
  last["eval_count"] = count;
  last["eval_duration"] = took;
  return write_line(last, sink);
}

Status answer_diagnostic(std::string_view name, const ExecEnvironment& environment, ResponseSink& sink) {
  const auto diagnostic = diagnostic_named(name, environment.unix_nanoseconds() / kSecond);
  if (!diagnostic) {
    return sink.head(400, {{"content-type", "text/plain; charset=utf-8"}}, 0);
  }
  if (!diagnostic->streamed) {
    OPENPCC_TRY_STATUS(
        sink.head(diagnostic->status, {{"content-type", "application/json; charset=utf-8"}}, diagnostic->body.size()));
    return sink.content(as_bytes(diagnostic->body));
  }
  OPENPCC_TRY_STATUS(sink.head(diagnostic->status, {{"content-type", "application/x-ndjson"}}, std::nullopt));
  for (std::string_view rest = diagnostic->body; !rest.empty();) {
    environment.pause(kLinePause);
    const size_t size = std::min(rest.find('\n'), rest.size() - 1) + 1;
    OPENPCC_TRY_STATUS(sink.content(as_bytes(rest.substr(0, size))));
    rest.remove_prefix(size);
  }
  return {};
}

}  // namespace

ExecEnvironment system_exec_environment() {
  using std::chrono::nanoseconds;
  return {[] {
            return std::chrono::duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
          },
          system_random, [](microseconds duration) { std::this_thread::sleep_for(duration); }};
}

bool is_exec_mode(std::string_view exec) {
  return exec == "noop" || exec == "simulated" || exec.starts_with(kDiagnosticPrefix);
}

Result<std::optional<Usage>> answer_exec(const Request& request, const ExecEnvironment& environment,
                                         ResponseSink& sink) {
  CountingSink counting(request.path, sink);
  if (request.exec == "noop") {
    OPENPCC_TRY_STATUS(answer_noop(request.path, environment.unix_nanoseconds(), counting));
  } else if (request.exec == "simulated") {
    OPENPCC_TRY_STATUS(answer_simulated(request.credit_amount, environment, counting));
  } else {
    OPENPCC_TRY_STATUS(answer_diagnostic(request.exec.substr(kDiagnosticPrefix.size()), environment, counting));
  }
  return counting.usage();
}

}  // namespace openpcc::engine
