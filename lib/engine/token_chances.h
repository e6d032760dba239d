// token_chances.h - keeps the chances of tokens until their text is certain to be in the answer.
//
// Text may be held back (it may begin a stop string, or end in mid code point), and what a stop string cuts off is no
// part of the answer: neither are its tokens.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "engine/generation.h"

namespace openpcc::engine {

struct TokenEntry {
  TokenChances chances;
  size_t offset = 0;  // code points of the answer before this token
};

class ChanceQueue {
 public:
  // The next token, of these bytes.
  void add(const TokenChances& chances, std::string_view bytes);
  // Those whose bytes are all among the first `passed` of the answer, once each.
  [[nodiscard]] std::vector<TokenEntry> take(size_t passed);
  // The answer ends after `kept` bytes: those that are left and begin before its end, or all when it was not cut.
  [[nodiscard]] std::vector<TokenEntry> finish(size_t kept, bool cut);

 private:
  struct Waiting {
    TokenEntry entry;
    size_t begin;
    size_t end;
  };
  std::deque<Waiting> waiting_;
  size_t bytes_ = 0;
  size_t code_points_ = 0;
};

// A token as JSON can hold it: its text, or "bytes:\xNN..." where that is no UTF-8, as OpenAI writes it.
[[nodiscard]] std::string token_name(std::string_view bytes);

}  // namespace openpcc::engine
