// message.h - counted messages on a stream socket: u32 big-endian length, then the bytes; one descriptor may travel
// with the first byte (SCM_RIGHTS). Lengths over the caller's cap are refused before anything is allocated. After an
// error the stream is out of step: close it.
#pragma once

#include <array>
#include <deque>
#include <optional>

#include "process/fd.h"

namespace openpcc::process {

struct Message {
  Bytes body;
  UniqueFd fd;  // close-on-exec; empty when none came
};

// Sends all of it or fails. kPeerClosed when the peer is gone (no SIGPIPE). Works on blocking and non-blocking sockets.
[[nodiscard]] Status send_message(int fd, ByteView body, Deadline deadline, int attached_fd = -1);

// kPeerClosed at a clean end before the first byte. More than one descriptor, or one after the first byte, is
// kBadMessage, and none of them stays open.
[[nodiscard]] Result<Message> receive_message(int fd, size_t cap, Deadline deadline);

// The two ways of one connection for who must not wait: what is not here yet, or finds no room yet, is gone on with at
// the next call.
class IncomingMessages {
 public:
  explicit IncomingMessages(size_t cap) : cap_(cap) {}
  // A message, or nothing while none is whole. Errors as of receive_message().
  [[nodiscard]] Result<std::optional<Message>> next(int fd);

 private:
  size_t cap_;
  std::array<uint8_t, 4> count_{};
  size_t count_filled_ = 0;
  size_t body_filled_ = 0;
  Message message_;
};

class OutgoingMessages {
 public:
  void push(ByteView body, UniqueFd attached = {});
  // Sends what finds room; true: all is out. kPeerClosed when the peer is gone.
  [[nodiscard]] Result<bool> flush(int fd);
  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] size_t size() const { return size_; }  // bytes that wait

 private:
  struct Framed {
    Bytes bytes;
    UniqueFd attached;
  };
  std::deque<Framed> waiting_;
  size_t sent_ = 0;  // of the first
  size_t size_ = 0;
};

// The same without a count: every byte out, or exactly so many in.
[[nodiscard]] Status send_all(int fd, ByteView bytes, Deadline deadline);
[[nodiscard]] Status receive_exactly(int fd, MutableByteView out, Deadline deadline);
// Between 1 byte and all that fits; 0 at the end of the stream.
[[nodiscard]] Result<size_t> receive_some(int fd, MutableByteView out, Deadline deadline);

}  // namespace openpcc::process
