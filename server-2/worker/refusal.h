// refusal.h - why a request that opened is not served, in the words of the official worker (PROTOCOL H.12).
//
// A refusal travels inside the sealed response. Its message may quote the request: it is never logged.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace openpcc::worker {

struct Refusal {
  std::string_view code;  // "ErrInvalidJSON": a string literal
  std::string message;
  int status = 400;
};

template <typename T>
using Checked = std::expected<T, Refusal>;

[[nodiscard]] inline std::unexpected<Refusal> refuse(std::string_view code, std::string message, int status = 400) {
  return std::unexpected(Refusal{code, std::move(message), status});
}

// {"code":…,"error":"Request Validation Error","message":…} as Go's encoding/json writes it.
[[nodiscard]] std::string refusal_body(const Refusal& refusal);

}  // namespace openpcc::worker
