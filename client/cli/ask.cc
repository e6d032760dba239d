#include <nlohmann/json.hpp>

#include "commands.h"
#include "exchange_view.h"

namespace openpcc::cli {

int ask(const Flags& flags, const AskFlags& ask_flags) {
  std::string prompt = ask_flags.prompt;
  if (prompt == "-") {
    auto read = read_prompt_from_stdin();
    if (!read) return show_usage_error(read.error().message);
    prompt = std::move(*read);
  }
  if (prompt.find_first_not_of(" \t\r\n") == std::string::npos) return show_usage_error("the prompt is empty");
  auto ready = get_ready(flags, true);
  if (!ready) return ready.error();

  std::vector<Message> messages;
  if (!ask_flags.system.empty()) messages.push_back({"system", ask_flags.system});
  messages.push_back({"user", std::move(prompt)});
  Request request;
  request.path = "/v1/chat/completions";
  auto body = chat_body(ready->settings.model, messages, ask_flags.sampling, !ask_flags.no_stream);
  if (!body) return show_usage_error(body.error().message);
  request.body = std::move(*body);

  ExchangeView view({flags.show_path, !ask_flags.no_stream, flags.json});
  const auto result = ready->client.send(request, view);
  return view.conclude(result, ready->settings.client.dev_attestation);
}

}  // namespace openpcc::cli
