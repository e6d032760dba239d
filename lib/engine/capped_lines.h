// capped_lines.h - the lines of a server's answer, however its pieces fall. What is longer than the cap is not kept.
#pragma once

#include <algorithm>

#include "base/bytes.h"
#include "base/secret_bytes.h"

namespace openpcc::engine {

class CappedLines {
 public:
  explicit CappedLines(size_t most) : most_(most) {}

  // Calls on_line(WipedBytes& line, bool too_long) for each line that ends in this piece, without its newline. The line
  // may be swapped out; of one that is too long only a part is there.
  template <typename OnLine>
  void feed(ByteView piece, OnLine on_line) {
    while (!piece.empty()) {
      const auto newline = std::find(piece.begin(), piece.end(), uint8_t{'\n'});
      const auto size = static_cast<size_t>(newline - piece.begin());
      too_long_ = too_long_ || line_.size() + size > most_;
      if (!too_long_) append(line_, piece.first(size));
      if (newline == piece.end()) return;
      end(on_line);
      piece = piece.subspan(size + 1);
    }
  }
  // The same for a last line that has no newline.
  template <typename OnLine>
  void finish(OnLine on_line) {
    if (!line_.empty() || too_long_) end(on_line);
  }

 private:
  template <typename OnLine>
  void end(OnLine& on_line) {
    on_line(line_, too_long_);
    too_long_ = false;
    line_.clear();
  }

  size_t most_;
  bool too_long_ = false;
  WipedBytes line_;
};

}  // namespace openpcc::engine
