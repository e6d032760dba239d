// exec_modes.h - answers without a model that the header X-Confsec-Exec asks for (PROTOCOL H.13), to measure and to try
// out everything but the model: "noop", "simulated" and "diagnostic-NAME".
//
// The formats, sizes, counts and pauses are those of the official worker (confidentcompute computeworker/service.go,
// computeworker/diagnostics); the words are ours. Counts are those that a reader of the answer finds (CountedAnswer),
// so where the official worker finds none, there are none.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "engine/engine.h"

namespace openpcc::engine {

struct ExecEnvironment {
  std::function<int64_t()> unix_nanoseconds;
  RandomSource random;
  std::function<void(std::chrono::microseconds)> pause;
};
[[nodiscard]] ExecEnvironment system_exec_environment();

// Whether a value of the header is one of these; all others mean nothing.
[[nodiscard]] bool is_exec_mode(std::string_view exec);

// See Engine::handle(). `request.exec` must be such a value. `simulated` writes less than half as many tokens as the
// request has credit, by chance as many as half; a credit too small for one token gets an answer without any.
[[nodiscard]] Result<std::optional<Usage>> answer_exec(const Request& request, const ExecEnvironment& environment,
                                                       ResponseSink& sink);

// The body of a diagnostic, or nothing where there is none of that name. Lines of a streamed one end with '\n'.
struct Diagnostic {
  int status = 200;
  bool streamed = false;
  std::string body;
};
[[nodiscard]] std::optional<Diagnostic> diagnostic_named(std::string_view name, int64_t unix_seconds);

}  // namespace openpcc::engine
