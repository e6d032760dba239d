// usage_tail.h - the token counts that an answer of another server says of itself while it passes by (PROTOCOL H.14;
// confidentcompute computeworker/refund_recorder.go).
//
// For /v1 paths they stand in the last line that is a JSON object, after "data: " perhaps; for Ollama's in the last
// line. The server is on this machine but not part of this program: its bytes are hostile, and what is kept of them is
// capped.
#pragma once

#include "base/secret_bytes.h"
#include "engine/engine.h"

namespace openpcc::engine {

class UsageTail {
 public:
  static constexpr size_t kMaxLine = size_t{4} << 20;  // an answer that is not streamed is one line

  explicit UsageTail(std::string_view path) : openai_(path.starts_with("/v1/")) {}
  void feed(ByteView piece);
  // At the end of the answer. Nothing when it says no counts, or none that can be: negative, no whole numbers, no
  // numbers.
  [[nodiscard]] std::optional<Usage> finish();

 private:
  void end_line();

  bool openai_;
  bool too_long_ = false;
  WipedBytes line_;  // the one that is being read
  WipedBytes last_;  // the latest that counts
};

}  // namespace openpcc::engine
