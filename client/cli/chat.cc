#include <atomic>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include "commands.h"
#include "exchange_view.h"

namespace openpcc::cli {
namespace {

// The answer that Ctrl-C stops; null between answers. The token outlives every signal: it is reset before it dies.
std::atomic<const CancelToken*> g_answering = nullptr;
static_assert(std::atomic<const CancelToken*>::is_always_lock_free, "a signal handler reads it");

void on_interrupt(int) {
  if (const CancelToken* token = g_answering; token != nullptr) {
    token->cancel();
  } else {
    constexpr char kHint[] = "\n(/quit ends the chat)\n> ";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kHint, sizeof kHint - 1);
  }
}

// Installs the handler for its lifetime. Without SA_RESTART a read of the next line would end the chat.
class InterruptHandler {
 public:
  InterruptHandler() {
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, &before_);
  }
  ~InterruptHandler() { ::sigaction(SIGINT, &before_, nullptr); }
  InterruptHandler(const InterruptHandler&) = delete;
  InterruptHandler& operator=(const InterruptHandler&) = delete;

 private:
  struct sigaction before_ {};
};

class Answering {
 public:
  explicit Answering(const CancelToken& token) { g_answering = &token; }
  ~Answering() { g_answering = nullptr; }
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;
};

// Only a conversation at a terminal is prompted for; one in a pipe is just answered, line by line.
class Conversation {
 public:
  Conversation(const Flags& flags, const AskFlags& ask_flags, Ready ready, bool interactive)
      : flags_(flags), ask_(ask_flags), ready_(std::move(ready)), interactive_(interactive) {
    start();
  }

  void start() {
    messages_.clear();
    if (!ask_.system.empty()) messages_.push_back({"system", ask_.system});
  }

  // The exit code of this one answer.
  int say(const std::string& line) {
    messages_.push_back({"user", line});
    Request request;
    request.path = "/v1/chat/completions";
    auto body = chat_body(ready_.settings.model, messages_, ask_.sampling, !ask_.no_stream);
    if (!body) {
      messages_.pop_back();
      return show_usage_error(body.error().message);
    }
    request.body = std::move(*body);
    ExchangeView view({flags_.show_path, !ask_.no_stream, flags_.json});
    const CancelToken token;
    const auto result = [&] {
      const Answering answering(token);
      return ready_.client.send(request, view, token);
    }();
    if (!result && result.error().kind == Failure::kCancelled) {
      out().write("\n");
      err().line(err().coloured(Colour::kDim, "(stopped)"));
      keep(view.text());
      return interactive_ ? kAnswered : kInterrupted;
    }
    const int code = view.conclude(result, ready_.settings.client.dev_attestation);
    if (code == kAnswered) {
      keep(view.text());
    } else {
      messages_.pop_back();  // an answer that failed is not part of the conversation, nor is its question
      if (!result && result.error().code == "client.request_too_large" && messages_.size() > 1) {
        err().line("  The conversation has grown too long: /new starts another one.");
      }
    }
    return code;
  }

 private:
  void keep(const std::string& answer) { messages_.push_back({"assistant", answer}); }

  const Flags& flags_;
  const AskFlags& ask_;
  Ready ready_;
  bool interactive_;
  std::vector<Message> messages_;
};

}  // namespace

int chat(const Flags& flags, const AskFlags& ask_flags) {
  auto ready = get_ready(flags, true);
  if (!ready) return ready.error();
  const bool interactive = ::isatty(STDIN_FILENO) == 1;
  const std::string model = ready->settings.model;
  Conversation conversation(flags, ask_flags, std::move(*ready), interactive);
  std::optional<InterruptHandler> interrupts;
  if (interactive) {
    interrupts.emplace();
    err().line(err().coloured(Colour::kDim, printable(model) +
                                                ". /new starts over, /quit or Ctrl-D ends, Ctrl-C stops an "
                                                "answer."));
  }
  int code = kAnswered;
  std::string line;
  while (true) {
    if (interactive) err().write("> ");
    if (!std::getline(std::cin, line)) break;
    if (line.ends_with('\r')) line.pop_back();
    if (line == "/quit") return code;
    if (line == "/new") {
      conversation.start();
      continue;
    }
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    const int answered = conversation.say(line);
    // At a terminal the user has seen it; a script has only the exit code: that of the first failure.
    if (!interactive && code == kAnswered) code = answered;
  }
  if (interactive) err().write("\n");
  return code;
}

}  // namespace openpcc::cli
