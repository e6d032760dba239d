// api.h - answers one request from a source of tokens: the part that every engine with a model of its own shares.
//
// Reads the request, draws tokens until the model ends, a stop string appears or a limit is reached, and writes the
// answer in the format asked for, whole or as a stream. What leaves is valid UTF-8 and never part of a code point.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/random.h"
#include "engine/api_request.h"
#include "engine/engine.h"
#include "engine/generation.h"

namespace openpcc::engine {

// Clocks and randomness, so that tests can fix them.
struct Environment {
  std::function<int64_t()> unix_nanoseconds;
  std::function<int64_t()> monotonic_nanoseconds;
  RandomSource random;
};
[[nodiscard]] Environment system_environment();

// The source that answers for a model name, or nothing.
using FindSource = std::function<TokenSource*(std::string_view model)>;

// See Engine::handle().
[[nodiscard]] Result<std::optional<Usage>> answer(const Request& request, const FindSource& find,
                                                  uint64_t default_max_tokens, const Environment& environment,
                                                  ResponseSink& sink);

}  // namespace openpcc::engine
