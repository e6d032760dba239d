// worker_output.h - the framing of a worker's output (PROTOCOL H.10; confidentcompute computeworker/output).
//
//   varint(len) OutputHeader, { varint(len 1..32768) bytes }*, 00 varint(len) OutputFooter
//
// The data frames together are the sealed response. It comes from a process that holds a user's request: its reader
// trusts no length.
#pragma once

#include <optional>

#include "base/limits.h"
#include "wire/currency.h"

namespace openpcc::wire {

struct OutputHeader {
  std::string media_type;     // of the sealed response; not empty
  int32_t max_chunk_len = 0;  // 532 for a chunked response, 0 for an unchunked one
  friend bool operator==(const OutputHeader&, const OutputHeader&) = default;
};

[[nodiscard]] Result<Bytes> encode_output_header(const OutputHeader& header);
// As many frames as the data needs; none for no data.
void append_output_data(Bytes& out, ByteView data);
// The end of the data and the footer; without a refund the footer is empty.
[[nodiscard]] Bytes encode_output_footer(const std::optional<Currency>& refund);

class WorkerOutputReader {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual Status on_header(OutputHeader header) = 0;             // first, once
    virtual Status on_data(ByteView data) = 0;                     // as it comes, never empty; valid during the call
    virtual Status on_footer(std::optional<Currency> refund) = 0;  // last, once
  };
  explicit WorkerOutputReader(Handler& handler) : handler_(handler) {}

  // Takes the next bytes. After the first error, every call returns that error again. Bytes after the footer are one.
  [[nodiscard]] Status feed(ByteView bytes);
  // The output is over: kTruncated unless the footer has been read.
  [[nodiscard]] Status finish();
  [[nodiscard]] bool header_seen() const { return state_ > State::kHeader; }

 private:
  enum class State { kHeaderLength, kHeader, kDataLength, kData, kFooterLength, kFooter, kEnd };
  Status step(ByteView& bytes);
  Status on_length(uint64_t length);
  Status on_frame();

  Handler& handler_;
  State state_ = State::kHeaderLength;
  std::optional<Error> error_;
  Bytes pending_;    // a varint, header or footer not yet complete
  size_t left_ = 0;  // bytes missing of the current frame
};

}  // namespace openpcc::wire
