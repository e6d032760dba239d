#include "engine/api.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "engine/answer_writer.h"
#include "engine/stop_strings.h"
#include "engine/utf8.h"

namespace openpcc::engine {
namespace {

struct Loop {
  const ApiRequest& request;
  TokenSource& source;
  uint64_t most_tokens;
  AnswerWriter& writer;
  const Environment& environment;

  Utf8Stream utf8 = {};
  Utf8Stream utf8_content = {};
  ChanceQueue queue = {};
  size_t passed = 0;                   // bytes that the stop strings let through
  std::vector<TokenEntry> ready = {};  // tokens whose text is out, or about to

  // Stop strings are looked for in the bytes, before they become code points: a stop string may end where one does not.
  Status emit(std::string_view bytes) {
    passed += bytes.size();
    std::string whole;
    utf8.feed(bytes, whole);
    for (TokenEntry& entry : queue.take(passed)) {
      ready.push_back(std::move(entry));
    }
    return whole.empty() ? Status() : write(whole);
  }

  bool with_tools = false;  // the text is read for tool calls before it is written
  std::string raw = {};     // all of it
  size_t read_next = 0;     // how long it must be to be read again
  std::string content_written = {};

  // Reading starts at the beginning each time, so it waits until there is a share of new text.
  Result<std::vector<ToolCall>> write_parts(bool whole) {
    if (!whole && raw.size() < read_next) {
      return std::vector<ToolCall>();
    }
    read_next = raw.size() + raw.size() / 16;
    AnswerParts parts = source.parts_of(raw, whole);
    if (parts.content.starts_with(content_written)) {
      OPENPCC_TRY_STATUS(write_content(parts.content));
    } else if (whole && !is_all_but_blanks(parts.content)) {
      // What was streamed turns out to be no part of the answer: the reader must not take the two together for it.
      return fail(kBroken, "the model's answer is not what the part of it that was sent says");
    }
    // Some templates' grammars let calls follow each other all the same.
    if (!request.generation.parallel_tool_calls && parts.tool_calls.size() > 1) {
      parts.tool_calls.resize(1);
    }
    return std::move(parts.tool_calls);
  }

  Status write_content(const std::string& content) {
    std::string fresh;
    utf8_content.feed(std::string_view(content).substr(content_written.size()), fresh);
    content_written = content;
    return fresh.empty() ? Status() : writer.text(fresh, {});
  }

  // Parsers drop blanks before a call that they took for text at first.
  [[nodiscard]] bool is_all_but_blanks(const std::string& content) const {
    return content_written.starts_with(content) &&
           content_written.find_first_not_of(" \t\r\n", content.size()) == std::string::npos;
  }

  Status write(std::string_view text) {
    if (with_tools) {
      raw.append(text);
      if (!request.stream) {
        return {};
      }
      OPENPCC_TRY(const auto calls, write_parts(false));
      return {};
    }
    const std::vector<TokenEntry> tokens = std::exchange(ready, {});
    return writer.text(text, tokens);
  }

  Status finish(bool cut) {
    for (TokenEntry& entry : queue.finish(passed, cut)) {
      ready.push_back(std::move(entry));
    }
    return ready.empty() ? Status() : write("");
  }

  Result<Finish> run(Usage& usage, Durations& durations) {
    StopStrings stops(request.stop);
    const int64_t start = environment.monotonic_nanoseconds();
    int64_t first = start;
    Finish reason = Finish::kLength;
    bool stopped = false;
    while (static_cast<uint64_t>(usage.output_tokens) < most_tokens) {
      OPENPCC_TRY(const std::optional<std::string_view> token, source.next());
      if (usage.output_tokens == 0) {
        first = environment.monotonic_nanoseconds();
      }
      if (!token) {
        reason = Finish::kStop;
        break;
      }
      ++usage.output_tokens;
      if (const TokenChances* chances = source.chances()) {
        queue.add(*chances, *token);
      }
      std::string text;
      stopped = stops.feed(*token, text);
      OPENPCC_TRY_STATUS(emit(text));
      if (stopped) {
        reason = Finish::kStop;
        break;
      }
    }
    if (!stopped) {
      std::string text;
      stops.finish(text);
      OPENPCC_TRY_STATUS(emit(text));
    }
    OPENPCC_TRY_STATUS(finish(stopped));
    if (with_tools) {
      OPENPCC_TRY(const std::vector<ToolCall> calls, write_parts(true));
      if (!calls.empty()) {
        OPENPCC_TRY_STATUS(writer.tool_calls(calls));
        // Not where a stop string or the limit cut the answer: there might have been more calls.
        reason = reason == Finish::kStop && !stopped ? Finish::kToolCalls : reason;
      }
    }
    const int64_t end = environment.monotonic_nanoseconds();
    durations = {end - start, first - start, end - first};
    return reason;
  }
};

Result<std::string> random_id(const Environment& environment) {
  std::array<uint8_t, 12> bytes{};
  OPENPCC_TRY_STATUS(environment.random(bytes));
  return to_hex(bytes);
}

Result<uint32_t> random_seed(const Environment& environment) {
  std::array<uint8_t, 4> bytes{};
  OPENPCC_TRY_STATUS(environment.random(bytes));
  return static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
         static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

Result<std::optional<Usage>> refuse(Dialect dialect, const Refusal& refusal, ResponseSink& sink) {
  OPENPCC_TRY_STATUS(write_refusal(dialect, refusal, sink));
  return std::nullopt;
}

}  // namespace

Environment system_environment() {
  using std::chrono::nanoseconds;
  return {[] {
            return std::chrono::duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
          },
          [] {
            return std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
          },
          system_random};
}

Result<std::optional<Usage>> answer(const Request& request, const FindSource& find, uint64_t default_max_tokens,
                                    const Environment& environment, ResponseSink& sink) {
  const std::optional<Dialect> dialect = dialect_of(request.path);
  if (!dialect) {
    return refuse(Dialect::kChat, {404, "no such endpoint", "", "not_found"}, sink);
  }
  OPENPCC_TRY(const uint32_t seed, random_seed(environment));
  const Accepted<ApiRequest> parsed = parse_request(*dialect, request.body, seed);
  if (!parsed) {
    return refuse(*dialect, parsed.error(), sink);
  }
  TokenSource* source = find(parsed->model);
  if (source == nullptr) {
    return refuse(*dialect,
                  {404, "model '" + parsed->model + "' is not served by this node", "model", "model_not_found"}, sink);
  }
  OPENPCC_TRY(const std::string id, random_id(environment));
  const AnswerHead head{.dialect = *dialect,
                        .model = parsed->model,
                        .id = id,
                        .unix_nanoseconds = environment.unix_nanoseconds(),
                        .stream = parsed->stream,
                        .include_usage = parsed->include_usage,
                        .top_logprobs = parsed->generation.top_logprobs};
  if (parsed->load_only) {
    OPENPCC_TRY_STATUS(write_loaded(head, sink));
    return std::nullopt;
  }
  const Accepted<uint64_t> prompt_tokens = source->begin(parsed->generation);
  if (!prompt_tokens) {
    return refuse(*dialect, prompt_tokens.error(), sink);
  }
  uint64_t most = source->room();
  if (parsed->context_limit) {
    if (*prompt_tokens >= *parsed->context_limit) {
      return refuse(*dialect,
                    {400,
                     "the prompt has " + std::to_string(*prompt_tokens) + " tokens, 'options.num_ctx' allows " +
                         std::to_string(*parsed->context_limit),
                     "options.num_ctx", "context_length_exceeded"},
                    sink);
    }
    most = std::min(most, *parsed->context_limit - *prompt_tokens);
  }
  if (parsed->max_tokens) {
    most = std::min(most, *parsed->max_tokens);
  } else if (default_max_tokens != 0) {
    most = std::min(most, default_max_tokens);
  }
  const auto writer = is_ollama(*dialect) ? make_ollama_writer(head, sink) : make_openai_writer(head, sink);
  OPENPCC_TRY_STATUS(writer->begin());
  Usage usage{static_cast<int64_t>(*prompt_tokens), 0};
  Durations durations;
  Loop loop{.request = *parsed, .source = *source, .most_tokens = most, .writer = *writer, .environment = environment};
  loop.with_tools = !parsed->generation.tools.empty();
  OPENPCC_TRY(const Finish reason, loop.run(usage, durations));
  OPENPCC_TRY_STATUS(writer->finish(reason, usage, durations));
  return usage;
}

}  // namespace openpcc::engine
