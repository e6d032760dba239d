// stop_strings.h - ends an answer at the first stop string, also one that is spread over several tokens.
//
// What comes out never contains a stop string, nor the beginning of one that then came whole. The result does not
// depend on how the text was cut into pieces: it is what one would get by looking after every single byte.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace openpcc::engine {

class StopStrings {
 public:
  // Empty strings are left out.
  explicit StopStrings(std::vector<std::string> stops);

  // Appends to `out` what is now certain to be in the answer. Returns true when a stop string was found; then
  // everything after it, and it itself, is gone and the stream must end.
  [[nodiscard]] bool feed(std::string_view bytes, std::string& out);
  // The end of the text: what was held back is part of the answer after all.
  void finish(std::string& out);

 private:
  std::vector<std::string> stops_;
  std::string held_;  // the beginning of a stop string, perhaps
};

}  // namespace openpcc::engine
