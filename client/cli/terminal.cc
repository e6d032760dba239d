#include "terminal.h"

#include <unistd.h>

#include <cstdlib>

namespace openpcc::cli {
namespace {

const char* code_of(Colour colour) {
  switch (colour) {
    case Colour::kGreen:
      return "\033[32m";
    case Colour::kYellow:
      return "\033[33m";
    case Colour::kRed:
      return "\033[31m";
    case Colour::kDim:
      return "\033[2m";
    case Colour::kNone:
      break;
  }
  return "";
}

}  // namespace

std::string TerminalFilter::filter(std::string_view piece) {
  std::string safe;
  safe.reserve(piece.size());
  for (const char c : piece) {
    const auto byte = static_cast<unsigned char>(c);
    if (after_c2_ && byte >= 0x80 && byte < 0xa0) {
      safe += '\x80';  // C2 80 has no meaning to any terminal
    } else if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f) {
      safe += '?';
    } else {
      safe += c;
    }
    after_c2_ = byte == 0xc2;
  }
  return safe;
}

std::string printable(std::string_view text) {
  std::string safe = TerminalFilter().filter(text);
  for (char& c : safe) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return safe;
}

Output::Output(std::FILE* file)
    : file_(file),
      terminal_(::isatty(::fileno(file)) == 1),
      colours_(terminal_ && std::getenv("NO_COLOR") == nullptr) {}

std::string Output::coloured(Colour colour, std::string_view text) const {
  if (!colours_ || colour == Colour::kNone) return std::string(text);
  return code_of(colour) + std::string(text) + "\033[0m";
}

bool Output::write(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), file_) == text.size() && std::fflush(file_) == 0;
}

Output& out() {
  static Output output(stdout);
  return output;
}

Output& err() {
  static Output output(stderr);
  return output;
}

}  // namespace openpcc::cli
