// stream.h - a TCP connection, plain or with TLS, as coroutines read and write it.
//
// One coroutine may read while another writes. Belongs to one loop. Errors: kCutOff (the connection is lost), kTimeout
// (a deadline passed), kCancelled (abort() or interrupt()).
#pragma once

#include <memory>

#include "net/http.h"
#include "net/loop.h"

namespace openpcc::net {

class Stream;

// What TLS needs of a stream; implemented in tls.cc, so that nothing else includes OpenSSL.
class TlsLayer {
 public:
  virtual ~TlsLayer() = default;
  virtual Task<size_t> read_some(MutableByteView out, boost::system::error_code& error) = 0;
  virtual Task<size_t> write_some(ByteView bytes, boost::system::error_code& error) = 0;
};

class Stream {
 public:
  static constexpr size_t kMaxParts = 4;

  Stream(Loop& loop, TcpSocket socket);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // At least one byte; 0: the peer has ended its side. Of TLS: only if it said so.
  [[nodiscard]] Task<Result<size_t>> read_some(MutableByteView out);
  // All of the parts, in order; at most kMaxParts. They must live until it returns.
  [[nodiscard]] Task<Status> write(std::span<const ByteView> parts);

  // After that time everything fails with kTimeout. Each replaces the one before.
  void expire_reads_after(Clock::duration duration) { read_deadline_.set_after(duration); }
  void expire_writes_after(Clock::duration duration) { write_deadline_.set_after(duration); }
  void no_read_deadline() { read_deadline_.clear(); }
  void no_write_deadline() { write_deadline_.clear(); }

  // Everything under way and to come fails with `code`.
  void abort(ErrorCode code);
  // What is under way fails with kCancelled; the stream can be used on.
  void interrupt();
  [[nodiscard]] bool aborted() const { return reason_.has_value(); }

  // True when bytes, an end or an error wait to be read: of an idle client connection, that it is of no more use.
  [[nodiscard]] bool readable_now();
  // Calls back once if the peer closes while nobody reads. The callback must live as long as the stream, or be
  // replaced.
  void watch_for_close(std::function<void()> on_close);
  void unwatch() { on_close_ = nullptr; }
  // Ends our side of the connection; the peer's can still be read.
  void end_writing();
  // Closes with a reset instead of an end, so that the peer cannot take what was sent for complete.
  void reset();

  [[nodiscard]] Loop& loop() { return loop_; }
  [[nodiscard]] TcpSocket& socket() { return socket_; }
  void use_tls(std::unique_ptr<TlsLayer> tls) { tls_ = std::move(tls); }

 private:
  [[nodiscard]] Error error_of(const boost::system::error_code& error, std::string_view doing) const;
  Task<Status> write_tls(std::span<const ByteView> parts);

  Loop& loop_;
  TcpSocket socket_;
  std::unique_ptr<TlsLayer> tls_;
  Deadline read_deadline_;
  Deadline write_deadline_;
  std::optional<ErrorCode> reason_;
  std::function<void()> on_close_;
  bool watching_ = false;
  std::shared_ptr<Stream*> self_;  // emptied by the destructor: for the handler of the watch
  struct SelfGuard {
    std::shared_ptr<Stream*> self;
    ~SelfGuard() {
      if (self) *self = nullptr;
    }
  } guard_;
};

}  // namespace openpcc::net
