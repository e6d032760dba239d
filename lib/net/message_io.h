// message_io.h - HTTP messages over a stream: reading by pieces with one buffer, and the bytes of heads and chunks.
#pragma once

#include "net/message_parser.h"
#include "net/stream.h"

namespace openpcc::net {

// Appends start line and fields with the blank line. Fails with kBadField instead of sending one that is_valid()
// refuses. Content-Length and Transfer-Encoding among the fields are left out: what frames a message is said once, in
// `start_line`, by who writes its body.
[[nodiscard]] Status append_head(std::string& out, std::string_view start_line, const Fields& fields);
// "1f\r\n"
void append_chunk_size(std::string& out, size_t size);
// The last chunk: "0\r\n", trailers, "\r\n".
[[nodiscard]] Status append_last_chunk(std::string& out, const Fields& trailers);

// The reading side of a connection. Bytes behind a message stay for the next.
class MessageReader {
 public:
  static constexpr size_t kReserved = 16 * 1024;  // Beast's default of 512 bytes a read costs twice the CPU

  // The buffer grows up to `max_head` (a head and the last chunk with its trailers must fit), and shrinks again.
  MessageReader(Stream& stream, size_t max_head) : stream_(stream), max_size_(std::max(max_head, kReserved)) {}

  // Until the head is complete. False: the peer closed before the message began.
  [[nodiscard]] Task<Result<bool>> read_head(MessageParser& parser);
  // The next piece of the body; empty: the message is complete. Valid until the next call.
  [[nodiscard]] Task<Result<ByteView>> read_piece(MessageParser& parser);
  // The next piece, or the end, if it is here already; nothing if it must be read.
  [[nodiscard]] std::optional<Result<ByteView>> buffered_piece(MessageParser& parser);
  [[nodiscard]] bool has_buffered() const { return begin_ < end_; }
  // Waits for the first byte of the next message. False: the peer closed.
  [[nodiscard]] Task<Result<bool>> wait_for_bytes();
  // Gives memory back while the connection is idle.
  void release_memory();

 private:
  [[nodiscard]] ByteView buffered() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void grow(size_t size);
  // Makes room and reads once. 0: the peer closed.
  [[nodiscard]] Task<Result<size_t>> fill();
  [[nodiscard]] Status make_room();

  Stream& stream_;
  size_t max_size_;
  std::unique_ptr<uint8_t[]> buffer_;  // not a vector: clearing 16 KiB for each message costs more than parsing it
  size_t size_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace openpcc::net
