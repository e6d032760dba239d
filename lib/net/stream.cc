#include "net/stream.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <cerrno>

namespace openpcc::net {

using boost::system::error_code;

Stream::Stream(Loop& loop, TcpSocket socket)
    : loop_(loop),
      socket_(std::move(socket)),
      read_deadline_(loop.deadlines, [this] { abort(kTimeout); }),
      write_deadline_(loop.deadlines, [this] { abort(kTimeout); }) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

Error Stream::error_of(const error_code& error, std::string_view doing) const {
  if (reason_ == kTimeout) return {kTimeout, "the peer took too long while " + std::string(doing)};
  if (reason_) return {*reason_, "stopped while " + std::string(doing)};
  if (error == asio::error::operation_aborted) return {kCancelled, "stopped while " + std::string(doing)};
  return {kCutOff, "connection lost while " + std::string(doing) + ": " + error.message()};
}

Task<Result<size_t>> Stream::read_some(MutableByteView out) {
  if (reason_) co_return std::unexpected(error_of({}, "reading"));
  error_code error;
  size_t count = 0;
  if (tls_) {
    count = co_await tls_->read_some(out, error);
  } else {
    count = co_await socket_.async_read_some(asio::buffer(out.data(), out.size()), asio::redirect_error(kAwait, error));
  }
  if (count > 0) co_return count;
  if (error == asio::error::eof && !reason_) co_return size_t{0};
  co_return std::unexpected(error_of(error, "reading"));
}

Task<Status> Stream::write(std::span<const ByteView> parts) {
  if (reason_) co_return std::unexpected(error_of({}, "writing"));
  if (tls_) co_return co_await write_tls(parts);
  // A try without waiting first: the socket's buffer nearly always takes a message whole.
  std::array<asio::const_buffer, kMaxParts> buffers{};
  size_t left = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    buffers[i] = asio::const_buffer(parts[i].data(), parts[i].size());
    left += parts[i].size();
  }
  bool wait = false;
  while (left > 0) {
    error_code error;
    size_t count = 0;
    if (wait) {
      count = co_await socket_.async_write_some(buffers, asio::redirect_error(kAwait, error));
    } else {
      count = socket_.write_some(buffers, error);
      wait = true;  // also after a short write: the buffer is full
      if (error == asio::error::would_block) error = {};
    }
    if (error) co_return std::unexpected(error_of(error, "writing"));
    left -= count;
    for (auto& buffer : buffers) {
      const size_t used = std::min(count, buffer.size());
      buffer += used;
      count -= used;
    }
  }
  co_return Status();
}

Task<Status> Stream::write_tls(std::span<const ByteView> parts) {
  Bytes all;  // one record instead of several
  for (const ByteView part : parts) append(all, part);
  size_t done = 0;
  while (done < all.size()) {
    error_code error;
    done += co_await tls_->write_some(ByteView(all).subspan(done), error);
    if (error) co_return std::unexpected(error_of(error, "writing"));
  }
  co_return Status();
}

void Stream::abort(ErrorCode code) {
  if (!reason_) reason_ = code;
  interrupt();
}

void Stream::interrupt() {
  error_code ignored;
  socket_.cancel(ignored);
  watching_ = false;
}

bool Stream::readable_now() {
  char byte = 0;
  const auto count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void Stream::watch_for_close(std::function<void()> on_close) {
  on_close_ = std::move(on_close);
  if (watching_) return;
  watching_ = true;
  if (!self_) guard_.self = self_ = std::make_shared<Stream*>(this);
  socket_.async_wait(TcpSocket::wait_read, [self = self_](const error_code& error) {
    if (*self == nullptr || error) return;
    Stream& stream = **self;
    stream.watching_ = false;
    char byte = 0;
    const auto count = ::recv(stream.socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    const bool gone = count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
    if (gone && stream.on_close_) {
      const auto callback = std::move(stream.on_close_);
      stream.on_close_ = nullptr;
      callback();
    }
  });
}

void Stream::end_writing() {
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
}

void Stream::reset() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);  // the destructor would take the option back
  if (!reason_) reason_ = kCancelled;
}

}  // namespace openpcc::net
