// OpenAI's "chat.completion" and "text_completion" objects and their chunks, as server-sent events (WHATWG HTML §9.2:
// "data: " lines, each event ended by an empty line).
#include <nlohmann/json.hpp>

#include "bhttp/message.h"
#include "engine/answer_writer.h"

namespace openpcc::engine {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kSecond = 1'000'000'000;

ordered_json chance_json(const TokenChance& chance) {
  return {{"token", token_name(chance.bytes)},
          {"logprob", chance.logprob},
          {"bytes", std::vector<uint8_t>(chance.bytes.begin(), chance.bytes.end())}};
}

// {"content": [...]} of a chat.
ordered_json chat_logprobs(const std::vector<TokenEntry>& tokens) {
  ordered_json content = ordered_json::array();
  for (const TokenEntry& token : tokens) {
    ordered_json item = chance_json(token.chances.chosen);
    item["top_logprobs"] = ordered_json::array();
    for (const TokenChance& other : token.chances.top) {
      item["top_logprobs"].push_back(chance_json(other));
    }
    content.push_back(std::move(item));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

// The four lists of a plain completion. An alternative list has the chosen token, too, even where it is not among the
// most probable.
ordered_json completion_logprobs(const std::vector<TokenEntry>& tokens, bool with_top) {
  ordered_json out = {{"tokens", ordered_json::array()},
                      {"token_logprobs", ordered_json::array()},
                      {"top_logprobs", with_top ? ordered_json::array() : ordered_json(nullptr)},
                      {"text_offset", ordered_json::array()}};
  for (const TokenEntry& token : tokens) {
    const TokenChance& chosen = token.chances.chosen;
    out["tokens"].push_back(token_name(chosen.bytes));
    out["token_logprobs"].push_back(chosen.logprob);
    out["text_offset"].push_back(token.offset);
    if (with_top) {
      ordered_json top = ordered_json::object();
      for (const TokenChance& other : token.chances.top) {
        top.emplace(token_name(other.bytes), other.logprob);  // of two with one name the more probable stays
      }
      top.emplace(token_name(chosen.bytes), chosen.logprob);
      out["top_logprobs"].push_back(std::move(top));
    }
  }
  return out;
}

class OpenAiWriter : public AnswerWriter {
 public:
  OpenAiWriter(AnswerHead head, ResponseSink& sink)
      : head_(std::move(head)), chat_(head_.dialect == Dialect::kChat), sink_(sink) {}

  Status begin() override {
    if (!head_.stream) {
      return {};
    }
    const bhttp::Fields fields = {{"content-type", "text/event-stream; charset=utf-8"}, {"cache-control", "no-cache"}};
    OPENPCC_TRY_STATUS(sink_.head(200, fields, std::nullopt));
    return chat_ ? chunk({{"role", "assistant"}, {"content", ""}}, "", nullptr) : Status();
  }

  Status text(std::string_view utf8, const std::vector<TokenEntry>& tokens) override {
    if (!head_.stream) {
      whole_.append(utf8);
      tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
      return {};
    }
    return chunk({{"content", utf8}}, utf8, nullptr, logprobs(tokens));
  }

  Status tool_calls(const std::vector<ToolCall>& calls) override {
    calls_ = ordered_json::array();
    for (const ToolCall& call : calls) {
      ordered_json item = ordered_json::object();
      if (head_.stream) {
        item["index"] = calls_.size();
      }
      item["id"] = call.id.empty() ? "call_" + head_.id + std::to_string(calls_.size()) : call.id;
      item["type"] = "function";
      item["function"] = {{"name", call.name}, {"arguments", call.arguments}};
      calls_.push_back(std::move(item));
    }
    return head_.stream ? chunk({{"tool_calls", calls_}}, "", nullptr) : Status();
  }

  Status finish(Finish reason, const Usage& usage, const Durations&) override {
    const char* why = reason == Finish::kStop ? "stop" : reason == Finish::kLength ? "length" : "tool_calls";
    const ordered_json counts = {{"prompt_tokens", usage.input_tokens},
                                 {"completion_tokens", usage.output_tokens},
                                 {"total_tokens", usage.input_tokens + usage.output_tokens}};
    if (head_.stream) {
      OPENPCC_TRY_STATUS(chunk(ordered_json::object(), "", why));
      if (head_.include_usage) {
        ordered_json last = object(true);
        last["choices"] = ordered_json::array();
        last["usage"] = counts;
        OPENPCC_TRY_STATUS(event(last.dump()));
      }
      return event("[DONE]");
    }
    ordered_json choice = {{"index", 0}};
    if (chat_) {
      choice["message"] = {{"role", "assistant"}, {"content", whole_}};
      if (!calls_.empty()) {
        choice["message"]["content"] = whole_.empty() ? ordered_json(nullptr) : ordered_json(whole_);
        choice["message"]["tool_calls"] = calls_;
      }
    } else {
      choice["text"] = whole_;
    }
    choice["logprobs"] = logprobs(tokens_);
    choice["finish_reason"] = why;
    ordered_json answer = object(false);
    answer["choices"] = ordered_json::array({std::move(choice)});
    answer["usage"] = counts;
    return write_json(200, answer.dump(), sink_);
  }

 private:
  ordered_json object(bool chunk) const {
    return {{"id", (chat_ ? "chatcmpl-" : "cmpl-") + head_.id},
            {"object", !chat_ ? "text_completion" : (chunk ? "chat.completion.chunk" : "chat.completion")},
            {"created", head_.unix_nanoseconds / kSecond},
            {"model", head_.model}};
  }

  ordered_json logprobs(const std::vector<TokenEntry>& tokens) const {
    if (!head_.top_logprobs) {
      return nullptr;
    }
    return chat_ ? chat_logprobs(tokens) : completion_logprobs(tokens, *head_.top_logprobs > 0);
  }

  Status chunk(ordered_json delta, std::string_view text, const char* finish_reason, ordered_json logprobs = nullptr) {
    ordered_json choice = {{"index", 0}};
    if (chat_) {
      choice["delta"] = std::move(delta);
    } else {
      choice["text"] = text;
    }
    choice["logprobs"] = std::move(logprobs);
    choice["finish_reason"] = finish_reason == nullptr ? ordered_json(nullptr) : ordered_json(finish_reason);
    ordered_json answer = object(true);
    answer["choices"] = ordered_json::array({std::move(choice)});
    if (head_.include_usage) {
      answer["usage"] = nullptr;
    }
    return event(answer.dump());
  }

  Status event(std::string_view data) {
    std::string line = "data: ";
    line.append(data).append("\n\n");
    return sink_.content(as_bytes(line));
  }

  AnswerHead head_;
  bool chat_;
  ResponseSink& sink_;
  std::string whole_;
  std::vector<TokenEntry> tokens_;
  ordered_json calls_ = ordered_json::array();
};

}  // namespace

std::unique_ptr<AnswerWriter> make_openai_writer(AnswerHead head, ResponseSink& sink) {
  return std::make_unique<OpenAiWriter>(std::move(head), sink);
}

Status write_json(int status, std::string_view body, ResponseSink& sink) {
  OPENPCC_TRY_STATUS(sink.head(status, {{"content-type", "application/json"}}, body.size()));
  return sink.content(as_bytes(body));
}

Status write_refusal(Dialect dialect, const Refusal& refusal, ResponseSink& sink) {
  if (is_ollama(dialect)) {
    return write_json(refusal.status, ordered_json{{"error", refusal.message}}.dump(), sink);
  }
  const ordered_json param = refusal.param.empty() ? ordered_json(nullptr) : ordered_json(refusal.param);
  const char* type = refusal.status < 500 ? "invalid_request_error" : "server_error";
  const ordered_json error = {{"message", refusal.message}, {"type", type}, {"param", param}, {"code", refusal.code}};
  return write_json(refusal.status, ordered_json{{"error", error}}.dump(), sink);
}

}  // namespace openpcc::engine
