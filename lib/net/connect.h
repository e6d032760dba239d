// connect.h - name resolution, connection and TLS handshake for a URL, within one time limit.
#pragma once

#include "net/stream.h"
#include "net/url.h"

namespace openpcc::net {

// The trust of TLS clients: TLS 1.2 or later, the peer's chain and host name verified. Loads the roots once; may be
// used by several loops at the same time.
class TlsContext {
 public:
  // `ca_file`: PEM roots instead of the system's; empty: the system's.
  [[nodiscard]] static Result<std::shared_ptr<TlsContext>> create(const std::string& ca_file);
  virtual ~TlsContext() = default;
  // The handshake. `host`: for SNI and the name check.
  [[nodiscard]] virtual Task<Result<std::unique_ptr<TlsLayer>>> handshake(Stream& stream, std::string host) = 0;
};

// Stops one thing at a time from outside its coroutine (the same loop).
struct Canceller {
  bool cancelled = false;
  std::function<void()> on_cancel;  // set by who waits, for as long as it waits

  void cancel() {
    cancelled = true;
    if (on_cancel) on_cancel();
  }
};

// "localhost" and addresses need no resolver; other names are looked up on a thread of Asio's. `tls` may be null for
// http. kConnectFailed, kTlsFailed or kTimeout. kCancelled through `canceller`, which may be null.
[[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect(Loop& loop, Url url, TlsContext* tls, Clock::duration limit,
                                                            Canceller* canceller = nullptr);

}  // namespace openpcc::net
