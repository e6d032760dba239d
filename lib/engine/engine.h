// engine.h - what answers an opened request: one interface, three engines (embedded, http, noop).
//
// The worker's parent calls load() once, before any request exists; after it the process still has one thread, so that
// it may fork. Each forked child calls prepare() and then handle() once, with one request whose body has passed the
// node's validation, and exits. The answer goes to a ResponseSink as it comes into being: head() once, then content()
// any number of times. An answer that refuses the request (an unknown parameter, a prompt that is too long) is an
// ordinary answer with an HTTP status of 400 or more; handle() fails only when the answer, if one was begun, must count
// as broken.
//
// Prompts and answers are never in an Error, nor logged. Not thread-safe: one engine belongs to one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/secret_bytes.h"

namespace openpcc::bhttp {
struct Field;  // bhttp::Fields is std::vector<Field>
}

namespace openpcc::engine {

inline constexpr ErrorCode kUnavailable{"engine.unavailable"};  // built without libllama, or the server does not answer
inline constexpr ErrorCode kBadModel{"engine.bad_model"};       // the file is no model that libllama can load
inline constexpr ErrorCode kBadConfig{"engine.bad_config"};     // no model, two of one name, a context of no size
inline constexpr ErrorCode kNotLoaded{"engine.not_loaded"};     // handle() before load()
inline constexpr ErrorCode kBroken{"engine.broken"};            // inference failed while the answer was under way
inline constexpr ErrorCode kBadUpstream{"engine.bad_upstream"};  // the server behind `http` broke its protocol
inline constexpr ErrorCode kTooLarge{"engine.too_large"};        // an answer of the server above a limit
inline constexpr ErrorCode kSinkClosed{"engine.sink_closed"};    // the reader went away

// What was read and written, for billing (PROTOCOL H.14). Absent where the engine cannot know it.
struct Usage {
  int64_t input_tokens = 0;
  int64_t output_tokens = 0;
  friend bool operator==(const Usage&, const Usage&) = default;
};

// One validated request. The views must outlive the call.
struct Request {
  std::string_view path;       // one of the four endpoints below
  ByteView body;               // JSON
  std::string_view exec = {};  // X-Confsec-Exec, for the noop engine (PROTOCOL H.13)
  int64_t credit_amount = 0;
};

inline constexpr std::string_view kChatCompletionsPath = "/v1/chat/completions";
inline constexpr std::string_view kCompletionsPath = "/v1/completions";
inline constexpr std::string_view kOllamaChatPath = "/api/chat";
inline constexpr std::string_view kOllamaGeneratePath = "/api/generate";

// Takes the answer. A failure of either call ends handle() with that failure; the engine makes no further call.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  // Once, first. `length` is the exact size of the content that follows, where it is known.
  [[nodiscard]] virtual Status head(int status, const std::vector<bhttp::Field>& fields,
                                    std::optional<uint64_t> length) = 0;
  // A streamed answer comes in pieces that a reader should see at once: the sink passes each on before it returns.
  [[nodiscard]] virtual Status content(ByteView bytes) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;  // the value of the tag `engine=`
  [[nodiscard]] virtual std::vector<std::string> models() const = 0;
  [[nodiscard]] virtual Status load() = 0;
  // In the child, before it is locked down: opens what handle() could not open any more.
  [[nodiscard]] virtual Status prepare() { return {}; }
  // In the child: from now on no more threads compute than `most` says, at least 1, which is read again for each token
  // and may change at any time. It must outlive the engine.
  virtual void limit_threads(const std::atomic<uint16_t>& most) { (void)most; }
  [[nodiscard]] virtual Result<std::optional<Usage>> handle(const Request& request, ResponseSink& sink) = 0;
};

struct ModelFile {
  std::string name;                             // what requests call it, e.g. "smollm2:135m"
  std::string path;                             // GGUF
  std::string chat_template_path = {};          // Jinja; empty: the template in the file
  std::optional<uint32_t> context_tokens = {};  // in place of EmbeddedConfig's
  std::optional<uint32_t> threads = {};
};

struct EmbeddedConfig {
  std::vector<ModelFile> models;
  uint32_t context_tokens = 4096;  // prompt and answer together; no more than the model was trained for is used
  uint32_t threads = 0;            // 0: the processors this process may run on
  uint32_t batch_tokens = 512;     // tokens of the prompt computed together
  int64_t default_max_tokens = 0;  // where a request names none; 0: what the context still holds
};

struct HttpConfig {
  std::string base_url = "http://localhost:11434";  // loopback only
  std::vector<std::string> models;
  uint32_t timeout_seconds = 300;  // between two pieces of the answer
};

// Always succeeds; what is wrong is said by load().
[[nodiscard]] std::unique_ptr<Engine> make_embedded(EmbeddedConfig config);
[[nodiscard]] std::unique_ptr<Engine> make_http(HttpConfig config);
[[nodiscard]] std::unique_ptr<Engine> make_noop(std::vector<std::string> models);

// "embedded (vnni512)" or the reason why this build has none: for start-up lines.
[[nodiscard]] std::string embedded_description();

}  // namespace openpcc::engine
