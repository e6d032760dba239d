// stream_end.h - did the stream of another server say that it ends? The server may die under it and a proxy before it
// still end the HTTP body as if all were well; then half an answer would be sealed as a whole one.
//
// OpenAI's streams end with "data: [DONE]", Ollama's with an object that has "done": true. An error object is an end as
// well: whoever reads it knows that the answer is none. Not trusted to be JSON.
#pragma once

#include <string_view>

#include "engine/capped_lines.h"
#include "engine/engine.h"

namespace openpcc::engine {

// Whether a request asks for a stream, and an answer to it of this media type is one. Servers may answer such a
// request whole.
[[nodiscard]] bool is_stream(const Request& request, std::string_view content_type);

class StreamEnd {
 public:
  static constexpr size_t kMaxLine = size_t{4} << 20;  // in a longer one no end is seen

  explicit StreamEnd(std::string_view path) : is_ollama_(!path.starts_with("/v1/")) {}

  void feed(ByteView piece);
  // Once, after all of it.
  [[nodiscard]] bool seen();

 private:
  void end_line(ByteView line, bool too_long);

  bool is_ollama_;
  bool seen_ = false;
  CappedLines lines_{kMaxLine};
};

}  // namespace openpcc::engine
