// encoder.h - writes Binary HTTP messages (RFC 9292), byte for byte as the official programs do.
//
// Names in lower case, lines sorted by name (equal names keep their order), shortest varints, zero padding up to a
// multiple. Known length: the whole message at once, without trailers (the official encoder drops them beside a
// content-length). Indeterminate length: MessageWriter, piece by piece. Output holds plaintext and is wiped.
#pragma once

#include "base/limits.h"
#include "base/secret_bytes.h"
#include "bhttp/message.h"

namespace openpcc::bhttp {

// The whole known-length message, padded with zeros to a multiple of `pad_multiple` (0 or 1: none). A request gets
// `content-length` when it has content or its method is POST, PUT or PATCH; a response always. kUnencodable when the
// head breaks a rule of message.h or names trailers.
[[nodiscard]] Result<WipedBytes> encode_request(const RequestHead& head, ByteView content, size_t pad_multiple = 0);
[[nodiscard]] Result<WipedBytes> encode_response(const ResponseHead& head, ByteView content, size_t pad_multiple = 0);

// Data bytes that fit a content chunk whose encoded size, length prefix included, is at most `chunk_limit`:
// 514 gives 512, 532 gives 530, 16384 gives 16382. At least 1.
[[nodiscard]] size_t max_chunk_data(size_t chunk_limit);

// Writes one indeterminate-length message: request() or response(), content() any number of times, finish(). Each
// appends to `out`. After an error, or after finish(), every call fails with kMisuse. Not thread-safe.
class MessageWriter {
 public:
  struct Options {
    size_t chunk_limit = limits::kChunkPlaintext;   // encoded size of the largest content chunk
    size_t pad_multiple = limits::kChunkPlaintext;  // 0 or 1: no padding
  };
  MessageWriter() = default;
  explicit MessageWriter(Options options) : options_(options) {}

  // A `content-length` field in `head` is left out, as the length is not known.
  [[nodiscard]] Status request(const RequestHead& head, WipedBytes& out);
  [[nodiscard]] Status response(const ResponseHead& head, WipedBytes& out);
  // Splits what is longer than a chunk. Empty content writes nothing (an empty chunk would end the content).
  [[nodiscard]] Status content(ByteView data, WipedBytes& out);
  // Ends content and message. Every trailer must have been announced in the head's trailer_names (readers drop others);
  // an announced one without a value becomes a line with an empty value.
  [[nodiscard]] Status finish(const Fields& trailers, WipedBytes& out);
  [[nodiscard]] uint64_t written() const { return written_; }

 private:
  enum class State { kHead, kContent, kEnd };
  template <typename Head>
  Status head(const Head& head, WipedBytes& out);

  Options options_;
  State state_ = State::kHead;
  std::vector<std::string> trailer_names_;
  uint64_t written_ = 0;
};

}  // namespace openpcc::bhttp
