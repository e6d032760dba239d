// Ollama's answers: one JSON object, or one a line (NDJSON); the last carries the counts and durations (ollama
// docs/api.md).
#include <nlohmann/json.hpp>

#include "bhttp/message.h"
#include "engine/answer_writer.h"

namespace openpcc::engine {
namespace {

using nlohmann::ordered_json;

// RFC 3339, UTC, with nanoseconds.
std::string timestamp(int64_t unix_nanoseconds) {
  const time_t seconds = static_cast<time_t>(unix_nanoseconds / 1'000'000'000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char date[32];
  const size_t length = strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string fraction = std::to_string(1'000'000'000 + unix_nanoseconds % 1'000'000'000).substr(1);
  return std::string(date, length) + "." + fraction + "Z";
}

ordered_json object(const AnswerHead& head, std::string_view text) {
  ordered_json line = {{"model", head.model}, {"created_at", timestamp(head.unix_nanoseconds)}};
  if (head.dialect == Dialect::kOllamaChat) {
    line["message"] = {{"role", "assistant"}, {"content", text}};
  } else {
    line["response"] = text;
  }
  return line;
}

class OllamaWriter : public AnswerWriter {
 public:
  OllamaWriter(AnswerHead head, ResponseSink& sink) : head_(std::move(head)), sink_(sink) {}

  Status begin() override {
    return head_.stream ? sink_.head(200, {{"content-type", "application/x-ndjson"}}, std::nullopt) : Status();
  }

  Status text(std::string_view utf8, const std::vector<TokenEntry>&) override {
    if (!head_.stream) {
      whole_.append(utf8);
      return {};
    }
    ordered_json line = object(head_, utf8);
    line["done"] = false;
    return sink_.content(as_bytes(line.dump() + "\n"));
  }

  // The arguments are an object here.
  Status tool_calls(const std::vector<ToolCall>& calls) override {
    calls_ = ordered_json::array();
    for (const ToolCall& call : calls) {
      ordered_json arguments = ordered_json::parse(call.arguments, nullptr, false);
      if (!arguments.is_object()) {
        return fail(kBroken, "a call's arguments are no JSON object");  // TokenSource::parts_of() promises one
      }
      calls_.push_back({{"function", {{"name", call.name}, {"arguments", std::move(arguments)}}}});
    }
    if (!head_.stream) {
      return {};
    }
    ordered_json line = object(head_, "");
    line["message"]["tool_calls"] = calls_;
    line["done"] = false;
    return sink_.content(as_bytes(line.dump() + "\n"));
  }

  Status finish(Finish reason, const Usage& usage, const Durations& durations) override {
    ordered_json line = object(head_, whole_);
    if (!head_.stream && !calls_.empty()) {
      line["message"]["tool_calls"] = calls_;
    }
    line["done"] = true;
    line["done_reason"] = reason == Finish::kLength ? "length" : "stop";
    line["total_duration"] = durations.total;
    line["load_duration"] = 0;  // the model was loaded before the request came
    line["prompt_eval_count"] = usage.input_tokens;
    line["prompt_eval_duration"] = durations.prompt;
    line["eval_count"] = usage.output_tokens;
    line["eval_duration"] = durations.answer;
    return head_.stream ? sink_.content(as_bytes(line.dump() + "\n")) : write_json(200, line.dump(), sink_);
  }

 private:
  AnswerHead head_;
  ResponseSink& sink_;
  std::string whole_;
  ordered_json calls_ = ordered_json::array();
};

}  // namespace

std::unique_ptr<AnswerWriter> make_ollama_writer(AnswerHead head, ResponseSink& sink) {
  return std::make_unique<OllamaWriter>(std::move(head), sink);
}

Status write_loaded(const AnswerHead& head, ResponseSink& sink) {
  ordered_json line = object(head, "");
  line["done"] = true;
  line["done_reason"] = "load";
  return write_json(200, line.dump(), sink);
}

}  // namespace openpcc::engine
