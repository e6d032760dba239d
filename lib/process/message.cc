#include "process/message.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/byte_io.h"

namespace openpcc::process {
namespace {

constexpr size_t kMostDescriptors = 8;  // room to see, and close, more than the one that is allowed

struct Control {
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(int) * kMostDescriptors)> bytes{};
};

// One sendmsg; how many bytes went out, 0 when it would block.
Result<size_t> send_once(int fd, ByteView head, ByteView body, int attached_fd) {
  std::array<iovec, 2> parts{
      {{const_cast<uint8_t*>(head.data()), head.size()}, {const_cast<uint8_t*>(body.data()), body.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  Control control;
  if (attached_fd >= 0) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int));
    cmsghdr* entry = CMSG_FIRSTHDR(&message);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(entry), &attached_fd, sizeof(int));
  }
  const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) return static_cast<size_t>(sent);
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return 0;
  if (errno == EPIPE || errno == ECONNRESET) return fail(kPeerClosed, "the peer closed the connection");
  return system_failure("sendmsg");
}

Status send_parts(int fd, ByteView head, ByteView body, Deadline deadline, int attached_fd) {
  while (!head.empty() || !body.empty()) {
    OPENPCC_TRY(size_t sent, send_once(fd, head, body, attached_fd));
    if (sent == 0) {
      OPENPCC_TRY_STATUS(wait_for(fd, POLLOUT, deadline));
      continue;
    }
    attached_fd = -1;  // it went with the first byte
    const size_t of_head = std::min(sent, head.size());
    head = head.subspan(of_head);
    body = body.subspan(sent - of_head);
  }
  return {};
}

struct Received {
  size_t size = 0;
  bool would_block = false;
};

// One recvmsg. Descriptors are taken into `fds` when that is given; otherwise their arrival is an error.
Result<Received> receive_once(int fd, MutableByteView out, std::vector<UniqueFd>* fds) {
  iovec part{out.data(), out.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Control control;
  if (fds != nullptr) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
  }
  const ssize_t got = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return Received{0, true};
    if (errno == ECONNRESET) return Received{};
    return system_failure("recvmsg");
  }
  if (fds != nullptr) {
    for (cmsghdr* entry = CMSG_FIRSTHDR(&message); entry != nullptr; entry = CMSG_NXTHDR(&message, entry)) {
      if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) continue;
      const size_t count = (entry->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; ++i) {
        int number = -1;
        std::memcpy(&number, CMSG_DATA(entry) + i * sizeof(int), sizeof(int));
        fds->emplace_back(number);
      }
    }
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) return fail(kBadMessage, "descriptors where none are allowed");
  return Received{static_cast<size_t>(got), false};
}

// How many bytes came before the end of the stream: all of `out`, or fewer.
Result<size_t> fill(int fd, MutableByteView out, Deadline deadline, std::vector<UniqueFd>* fds) {
  size_t filled = 0;
  while (filled < out.size()) {
    OPENPCC_TRY(const Received received, receive_once(fd, out.subspan(filled), filled == 0 ? fds : nullptr));
    if (received.would_block) {
      OPENPCC_TRY_STATUS(wait_for(fd, POLLIN, deadline));
      continue;
    }
    if (received.size == 0) break;
    filled += received.size;
  }
  return filled;
}

}  // namespace

Status send_message(int fd, ByteView body, Deadline deadline, int attached_fd) {
  if (body.size() > UINT32_MAX) return fail(kBadMessage, "a message over 4 GiB");
  Bytes count;
  append_u32(count, static_cast<uint32_t>(body.size()));
  return send_parts(fd, count, body, deadline, attached_fd);
}

Result<Message> receive_message(int fd, size_t cap, Deadline deadline) {
  IncomingMessages incoming(cap);
  while (true) {
    OPENPCC_TRY(auto message, incoming.next(fd));
    if (message) return std::move(*message);
    OPENPCC_TRY_STATUS(wait_for(fd, POLLIN, deadline));
  }
}

Result<std::optional<Message>> IncomingMessages::next(int fd) {
  while (count_filled_ < count_.size()) {
    // Alone: a descriptor that comes with these bytes is this message's.
    std::vector<UniqueFd> fds;
    const MutableByteView rest = MutableByteView(count_).subspan(count_filled_);
    OPENPCC_TRY(const Received received, receive_once(fd, rest, count_filled_ == 0 ? &fds : nullptr));
    if (received.would_block) return std::nullopt;
    if (received.size == 0 && count_filled_ == 0) return fail(kPeerClosed, "the peer closed the connection");
    if (received.size == 0) return fail(kBadMessage, "the stream ends inside a message's length");
    if (fds.size() > 1) return fail(kBadMessage, "more than one descriptor with a message");
    if (!fds.empty()) message_.fd = std::move(fds.front());
    count_filled_ += received.size;
    if (count_filled_ < count_.size()) continue;
    ByteReader reader(count_);
    OPENPCC_TRY(const uint32_t size, reader.u32());
    if (size > cap_) {
      return fail(kBadMessage,
                  "a message of " + std::to_string(size) + " bytes, over the limit of " + std::to_string(cap_));
    }
    message_.body.resize(size);
  }
  while (body_filled_ < message_.body.size()) {
    const MutableByteView rest = MutableByteView(message_.body).subspan(body_filled_);
    OPENPCC_TRY(const Received received, receive_once(fd, rest, nullptr));
    if (received.would_block) return std::nullopt;
    if (received.size == 0) return fail(kBadMessage, "the stream ends inside a message");
    body_filled_ += received.size;
  }
  count_filled_ = body_filled_ = 0;
  return std::exchange(message_, {});
}

void OutgoingMessages::push(ByteView body, UniqueFd attached) {
  Bytes bytes;
  bytes.reserve(4 + body.size());
  append_u32(bytes, static_cast<uint32_t>(body.size()));
  append(bytes, body);
  size_ += bytes.size();
  waiting_.push_back({std::move(bytes), std::move(attached)});
}

Result<bool> OutgoingMessages::flush(int fd) {
  while (!waiting_.empty()) {
    Framed& first = waiting_.front();
    const int attached = first.attached ? first.attached.get() : -1;
    OPENPCC_TRY(const size_t sent, send_once(fd, ByteView(first.bytes).subspan(sent_), {}, attached));
    if (sent == 0) return false;
    first.attached.reset();  // it went with the first byte
    size_ -= sent;
    sent_ += sent;
    if (sent_ < first.bytes.size()) continue;
    sent_ = 0;
    waiting_.pop_front();
  }
  return true;
}

Status send_all(int fd, ByteView bytes, Deadline deadline) {
  return send_parts(fd, bytes, {}, deadline, -1);
}

Status receive_exactly(int fd, MutableByteView out, Deadline deadline) {
  OPENPCC_TRY(const size_t got, fill(fd, out, deadline, nullptr));
  if (got == 0 && !out.empty()) return fail(kPeerClosed, "the peer closed the connection");
  if (got < out.size()) return fail(kBadMessage, "the stream ends too early");
  return {};
}

Result<size_t> receive_some(int fd, MutableByteView out, Deadline deadline) {
  while (true) {
    OPENPCC_TRY(const Received received, receive_once(fd, out, nullptr));
    if (!received.would_block) return received.size;
    OPENPCC_TRY_STATUS(wait_for(fd, POLLIN, deadline));
  }
}

}  // namespace openpcc::process
