// utf8.h - makes a stream of bytes into whole, valid UTF-8, whatever pieces it comes in.
//
// Tokens of a model are bytes: a code point may be spread over several of them, and a model may produce bytes that are
// no UTF-8 at all. Decides nothing but where code points end (RFC 3629 §3: no overlong forms, no surrogates, at most
// U+10FFFF).
#pragma once

#include <string>
#include <string_view>

namespace openpcc::engine {

class Utf8Stream {
 public:
  // Appends to `out` every code point that is complete now. A byte that can belong to none becomes U+FFFD.
  void feed(std::string_view bytes, std::string& out);
  // A code point that was begun and never ended is dropped: half of it says nothing.
  void finish() { pending_.clear(); }

 private:
  std::string pending_;  // the beginning of one code point, at most three bytes
};

[[nodiscard]] bool is_valid_utf8(std::string_view text);

}  // namespace openpcc::engine
