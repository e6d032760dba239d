// internal.h - what the encoder and the decoder share. Not for other libraries.
#pragma once

#include <algorithm>

#include "bhttp/message.h"

namespace openpcc::bhttp::internal {

// Framing indicators (RFC 9292 §3.3).
inline constexpr uint64_t kKnownRequest = 0;
inline constexpr uint64_t kKnownResponse = 1;
inline constexpr uint64_t kIndeterminateRequest = 2;
inline constexpr uint64_t kIndeterminateResponse = 3;

inline constexpr int kMaxStatus = 599;
inline constexpr int kFirstFinalStatus = 200;

[[nodiscard]] inline bool is_scheme(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '-' ||
           c == '.';
  });
}

[[nodiscard]] inline std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace openpcc::bhttp::internal
