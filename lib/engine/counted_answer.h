// counted_answer.h - reads from another server's answer what it says it has used, as the official worker counts it
// (PROTOCOL H.14; confidentcompute computeworker/refund_recorder.go). The answer is not trusted to be JSON, nor its
// numbers to make sense.
#pragma once

#include <optional>
#include <string_view>

#include "engine/capped_lines.h"
#include "engine/engine.h"

namespace openpcc::engine {

class CountedAnswer {
 public:
  static constexpr size_t kMaxLine = size_t{4} << 20;  // an answer that is not streamed is one line; longer: no counts

  explicit CountedAnswer(std::string_view path) : is_ollama_(!path.starts_with("/v1/")) {}

  // The content, in pieces as it comes.
  void feed(ByteView piece);
  // Once, at the end of the answer. Nothing where the line that should have the counts has none.
  [[nodiscard]] std::optional<Usage> finish();

 private:
  void end_line(WipedBytes& line, bool too_long);

  bool is_ollama_;
  CappedLines lines_{kMaxLine};
  WipedBytes counted_;  // the last so far that may hold the counts
};

}  // namespace openpcc::engine
