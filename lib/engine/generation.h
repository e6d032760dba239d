// generation.h - what one request asks of a model, and what a model must offer to be asked: a source of tokens.
//
// The API layer (api.h) turns requests into a Generation, draws tokens from a TokenSource, and writes the answer. It
// neither knows libllama nor needs it: tests and the noop engine have sources of their own.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace openpcc::engine {

// A refusal, to be told to the one who asked, in the body of the answer. It may quote the request, so it is no Error
// and is never logged.
struct Refusal {
  int status = 400;
  std::string message;
  std::string param = {};              // the parameter at fault, where there is one
  std::string code = "invalid_value";  // OpenAI's error code
};

template <typename T>
using Accepted = std::expected<T, Refusal>;

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // a JSON object, as text
};

struct Message {
  std::string role;  // system, user, assistant or tool
  std::string content;
  std::vector<ToolCall> tool_calls = {};  // of an assistant
  std::string tool_call_id = {};          // of a tool's result
  std::string tool_name = {};
};

struct Tool {
  std::string name;
  std::string description;
  std::string parameters;     // a JSON schema, as text
  std::string enforced = {};  // what of it the arguments are made to fit, where that is written otherwise
  bool strict = false;        // all of it must be enforced
};

enum class ToolChoice { kAuto, kRequired, kNone };

// What the text of an answer says, where it may call tools.
struct AnswerParts {
  std::string content;
  std::vector<ToolCall> tool_calls;
};

// Defaults are OpenAI's.
struct Sampling {
  double temperature = 1;  // 0: always the most probable token
  double top_p = 1;
  double min_p = 0;
  int32_t top_k = 0;  // 0: no limit
  double frequency_penalty = 0;
  double presence_penalty = 0;
  double repetition_penalty = 1;  // over prompt and answer
  uint32_t seed = 0;              // always set by the API layer
  std::vector<std::pair<int32_t, float>> logit_bias = {};
  bool ignore_eos = false;
};

struct Generation {
  bool chat = true;  // `messages` through the chat template; otherwise `text` as it is
  std::vector<Message> messages = {};
  std::string text = {};
  std::string json_schema = {};  // the answer must fit it; empty: anything
  Sampling sampling = {};
  std::vector<Tool> tools = {};
  ToolChoice tool_choice = ToolChoice::kAuto;
  bool parallel_tool_calls = true;
  std::optional<uint32_t> top_logprobs = {};  // chances() beside each token, with so many alternatives
};

// How probable the model itself found a token: the natural logarithm, before temperature, biases, penalties and schema.
struct TokenChance {
  std::string bytes;
  double logprob = 0;
};

struct TokenChances {
  TokenChance chosen;
  std::vector<TokenChance> top = {};  // the most probable first; the chosen one may be among them
};

class TokenSource {
 public:
  virtual ~TokenSource() = default;
  // Reads the prompt; returns how many tokens it has. Refuses one that leaves no room for an answer.
  [[nodiscard]] virtual Accepted<uint64_t> begin(const Generation& generation) = 0;
  // How many tokens may follow the prompt of begin().
  [[nodiscard]] virtual uint64_t room() const = 0;
  // The bytes of the next token, valid until the next call; nothing when the model ended its answer.
  [[nodiscard]] virtual Result<std::optional<std::string_view>> next() = 0;
  // Of the token that next() gave last, until the next call, where the generation asked for them.
  [[nodiscard]] virtual const TokenChances* chances() const { return nullptr; }
  // Reads the text that the tokens gave, for a generation with tools; `whole` when there is no more to come: then calls
  // are complete, and what is no call is content.
  [[nodiscard]] virtual AnswerParts parts_of(std::string_view text, bool whole) const {
    (void)whole;
    return {std::string(text), {}};
  }
};

}  // namespace openpcc::engine
