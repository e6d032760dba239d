// padded_lines.h - makes the pieces of a streamed answer equally long, so that the lengths of sealed chunks do not tell
// the lengths of tokens.
//
// A piece that ends a line of JSON (Server-Sent Events, NDJSON) gets blanks before the end of that line, up to a
// multiple of what one sealed chunk carries (limits::kUserChunk). Blanks behind a JSON value mean nothing. Other
// pieces, such as "data: [DONE]", and answers of known length pass as they are.
#pragma once

#include "engine/engine.h"

namespace openpcc::worker {

class PaddedLines : public engine::ResponseSink {
 public:
  explicit PaddedLines(engine::ResponseSink& sink) : sink_(sink) {}  // which must outlive it
  [[nodiscard]] Status head(int status, const std::vector<bhttp::Field>& fields,
                            std::optional<uint64_t> length) override;
  [[nodiscard]] Status content(ByteView bytes) override;

 private:
  engine::ResponseSink& sink_;
  bool streamed_ = false;
};

}  // namespace openpcc::worker
