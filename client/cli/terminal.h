// terminal.h - writing for people: colours only on a terminal, and nothing from outside that could command one.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace openpcc::cli {

enum class Colour { kNone, kGreen, kYellow, kRed, kDim };

// Control characters become '?', line breaks and tabs spaces. For text of routers and nodes in messages.
[[nodiscard]] std::string printable(std::string_view text);

// For answers, which come in pieces: line breaks and tabs stay. Remembers what a piece ends with.
class TerminalFilter {
 public:
  [[nodiscard]] std::string filter(std::string_view piece);

 private:
  bool after_c2_ = false;  // the first byte of U+0080 to U+00BF, whose first half are control characters
};

class Output {
 public:
  explicit Output(std::FILE* file);
  [[nodiscard]] bool is_terminal() const { return terminal_; }
  [[nodiscard]] std::string coloured(Colour colour, std::string_view text) const;
  // Written and flushed. False when nobody reads any more.
  bool write(std::string_view text);
  bool line(std::string_view text) { return write(std::string(text) + "\n"); }

 private:
  std::FILE* file_;
  bool terminal_;
  bool colours_;
};

[[nodiscard]] Output& out();  // results
[[nodiscard]] Output& err();  // everything else

}  // namespace openpcc::cli
