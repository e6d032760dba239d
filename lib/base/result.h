// result.h - how functions of this project fail: Result<T>, never an exception across a library boundary.
//
// An Error has a stable code, for programs and tests, and a message, for the operator. Neither ever holds plaintext, a
// key or user data. Each library declares its codes in one place, as `inline constexpr ErrorCode
// kName{"library.name"};`, each with a line that says when it happens. Thread-safe: plain values.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace openpcc {

// Identity of a kind of failure. Equal when the names are equal; the name ("bhttp.truncated") is stable and may be
// printed.
struct ErrorCode {
  std::string_view name;  // must be a string literal: it is not copied
  friend constexpr bool operator==(ErrorCode, ErrorCode) = default;
};

struct Error {
  ErrorCode code;
  std::string message;  // what was wrong and, where it helps, what to do; safe to log
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

}  // namespace openpcc

#define OPENPCC_CONCAT_INNER(a, b) a##b
#define OPENPCC_CONCAT(a, b) OPENPCC_CONCAT_INNER(a, b)

// OPENPCC_TRY(auto value, call()); - declares `value` from a Result, or returns its error.
#define OPENPCC_TRY(declaration, expression)                                              \
  auto OPENPCC_CONCAT(openpcc_result_, __LINE__) = (expression);                          \
  if (!OPENPCC_CONCAT(openpcc_result_, __LINE__)) {                                       \
    return std::unexpected(std::move(OPENPCC_CONCAT(openpcc_result_, __LINE__)).error()); \
  }                                                                                       \
  declaration = std::move(*OPENPCC_CONCAT(openpcc_result_, __LINE__))

// OPENPCC_TRY_STATUS(call()); - for a Status: returns its error, if it has one.
#define OPENPCC_TRY_STATUS(expression)                           \
  do {                                                           \
    if (auto openpcc_status = (expression); !openpcc_status) {   \
      return std::unexpected(std::move(openpcc_status).error()); \
    }                                                            \
  } while (false)
