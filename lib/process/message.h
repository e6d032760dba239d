// message.h - counted messages on a stream socket: u32 big-endian length, then the bytes; one descriptor may travel
// with the first byte (SCM_RIGHTS). Lengths over the caller's cap are refused before anything is allocated. After an
// error the stream is out of step: close it.
#pragma once

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

// The same without a count: every byte out, or exactly so many in.
[[nodiscard]] Status send_all(int fd, ByteView bytes, Deadline deadline);
[[nodiscard]] Status receive_exactly(int fd, MutableByteView out, Deadline deadline);
// Between 1 byte and all that fits; 0 at the end of the stream.
[[nodiscard]] Result<size_t> receive_some(int fd, MutableByteView out, Deadline deadline);

}  // namespace openpcc::process
