// scripted.h - a sink that collects an answer, and a source of tokens that follows a script. For tests only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bhttp/message.h"
#include "engine/engine.h"
#include "engine/generation.h"

namespace openpcc::engine {

class CollectingSink : public ResponseSink {
 public:
  Status head(int head_status, const std::vector<bhttp::Field>& head_fields,
              std::optional<uint64_t> head_length) override {
    if (calls++ == fail_at) {
      return fail(kSinkClosed, "the test's sink fails here");
    }
    ++heads;
    status = head_status;
    fields = head_fields;
    length = head_length;
    return {};
  }
  Status content(ByteView bytes) override {
    if (calls++ == fail_at) {
      return fail(kSinkClosed, "the test's sink fails here");
    }
    pieces.emplace_back(as_text(bytes));
    body.append(as_text(bytes));
    return {};
  }
  [[nodiscard]] std::string field(std::string_view name) const {
    for (const bhttp::Field& field : fields) {
      if (field.name == name) {
        return field.value;
      }
    }
    return "";
  }
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
  // The JSON objects of a stream: of server-sent events without the closing [DONE], or of NDJSON lines.
  [[nodiscard]] std::vector<nlohmann::json> stream() const {
    std::vector<nlohmann::json> out;
    for (size_t at = 0; at < body.size();) {
      const size_t end = std::min(body.find('\n', at), body.size());
      std::string_view line = std::string_view(body).substr(at, end - at);
      at = end + 1;
      if (line.starts_with("data: ")) {
        line.remove_prefix(6);
      }
      if (!line.empty() && line != "[DONE]") {
        out.push_back(nlohmann::json::parse(line, nullptr, false));
      }
    }
    return out;
  }

  int calls = 0;
  int fail_at = -1;  // the call that fails
  int heads = 0;
  int status = 0;
  bhttp::Fields fields;
  std::optional<uint64_t> length;
  std::vector<std::string> pieces;
  std::string body;
};

class ScriptedSource : public TokenSource {
 public:
  explicit ScriptedSource(std::vector<std::string> script) : tokens(std::move(script)) {}
  Accepted<uint64_t> begin(const Generation& request) override {
    generation = request;
    next_ = 0;
    if (refusal) {
      return std::unexpected(*refusal);
    }
    return prompt_tokens;
  }
  uint64_t room() const override { return room_tokens; }
  Result<std::optional<std::string_view>> next() override {
    if (static_cast<int>(next_) == break_at) {
      return fail(kBroken, "the script breaks here");
    }
    if (next_ == tokens.size()) {
      return std::nullopt;
    }
    // The n-th token has the logarithm -n, and alternatives named after their place.
    chances_ = {.chosen = {tokens[next_], -static_cast<double>(next_)}};
    for (uint32_t i = 0; i < generation.top_logprobs.value_or(0); ++i) {
      chances_.top.push_back({"top" + std::to_string(i), -0.5 * i});
    }
    return tokens[next_++];
  }
  const TokenChances* chances() const override { return generation.top_logprobs ? &chances_ : nullptr; }

  // A text may end with calls, one a line: "call NAME ARGUMENTS".
  AnswerParts parts_of(std::string_view text, bool whole) const override {
    AnswerParts parts;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      const std::string line(text.substr(at, end - at));
      const size_t blank = line.find(' ', 5);
      if (line.starts_with("call ") && blank != std::string::npos) {
        parts.tool_calls.push_back({"", line.substr(5, blank - 5), line.substr(blank + 1)});
      } else if (whole || end < text.size()) {
        parts.content.append(line);
      }
      at = end + 1;
    }
    return parts;
  }

  std::vector<std::string> tokens;
  uint64_t prompt_tokens = 7;
  uint64_t room_tokens = 1000;
  int break_at = -1;
  std::optional<Refusal> refusal;
  Generation generation;  // of the last begin()

 private:
  TokenChances chances_;
  size_t next_ = 0;
};

}  // namespace openpcc::engine
