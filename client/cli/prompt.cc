#include "prompt.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/limits.h"

namespace openpcc::cli {

Result<std::string> chat_body(const std::string& model, const std::vector<Message>& messages, const Sampling& sampling,
                              bool stream) {
  nlohmann::ordered_json body;
  body["model"] = model;
  auto& list = body["messages"] = nlohmann::ordered_json::array();
  for (const Message& message : messages) list.push_back({{"role", message.role}, {"content", message.content}});
  body["stream"] = stream;
  // Without it the official node writes the whole body anew to put it in.
  if (stream) body["stream_options"] = {{"include_usage", true}};
  if (sampling.max_tokens) body["max_tokens"] = *sampling.max_tokens;
  if (sampling.temperature) body["temperature"] = *sampling.temperature;
  if (sampling.seed) body["seed"] = *sampling.seed;
  try {
    return body.dump();
  } catch (const nlohmann::json::exception&) {
    return fail(kBadPrompt, "the prompt is not valid UTF-8");
  }
}

Result<std::string> read_prompt_from_stdin() {
  std::string text(limits::kRequestBody + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), stdin));
  if (std::ferror(stdin) != 0) return fail(kBadPrompt, "standard input cannot be read");
  if (text.size() > limits::kRequestBody) {
    return fail(kBadPrompt, "the prompt on standard input is larger than the " + std::to_string(limits::kRequestBody) +
                                " bytes a node takes");
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace openpcc::cli
