// blocking_client.h - an HTTP/1.1 client for programs that do one thing at a time: streaming both ways, cancellable.
//
// A body that ends cleanly and one that is cut are never confused: send() and fetch() succeed only when the message
// ended where its length or its last chunk says. https uses the system's roots and checks the host's name. Redirects
// are not followed. Not thread-safe: one object per thread; it keeps connections alive between calls.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "net/http.h"
#include "net/url.h"

namespace openpcc::net {

// Stops requests from another thread or from a signal handler. Once cancelled it stays so until reset().
class Cancellation {
 public:
  Cancellation();
  ~Cancellation();
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  void cancel() noexcept;  // async-signal-safe, any thread
  void reset() noexcept;   // by the thread that sends, between two requests
  [[nodiscard]] bool cancelled() const noexcept;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }  // readable while cancelled

 private:
  int descriptor_ = -1;
};

struct HttpRequest {
  std::string method = "GET";
  Url url;
  Fields fields;  // Host, Content-Length and Transfer-Encoding are set by the client
  ByteView body;  // must live until send() returns; sent with Content-Length
  // Instead of `body`: gives the next piece, an empty one at the end; sent chunked. An error abandons the request.
  std::function<Result<Bytes>()> next_piece;
};

struct HttpCallbacks {
  // An error from a callback abandons the request and comes back from send() as it is.
  std::function<Status(const ResponseHead&)> on_head;  // once, before the body
  std::function<Status(ByteView)> on_body;             // pieces as they arrive; the view dies with the call
};

struct HttpResult {
  ResponseHead head;
  Fields trailers;
  Bytes body;  // of fetch() only
};

struct HttpClientOptions {
  std::chrono::milliseconds connect_timeout{9'000};  // name, connection and TLS handshake together
  std::chrono::milliseconds head_timeout{300'000};   // from the request sent to the response's head
  std::chrono::milliseconds idle_timeout{300'000};   // without a byte moving, in either body
  size_t max_head = size_t{64} << 10;                // bytes of status line and fields; trailers too
  std::string ca_file;  // PEM roots instead of the system's; for tests and private networks
};

class BlockingHttpClient {
 public:
  explicit BlockingHttpClient(HttpClientOptions options = {});
  ~BlockingHttpClient();
  BlockingHttpClient(BlockingHttpClient&&) noexcept;
  BlockingHttpClient& operator=(BlockingHttpClient&&) noexcept;

  // Opens the connection that the next request to the same origin uses, for processes that cannot open one later.
  [[nodiscard]] Status connect(const Url& url, const Cancellation* cancel = nullptr);
  // Any status is a success here. `cancel` may be null. kCutOff: the response's body is not complete.
  [[nodiscard]] Result<HttpResult> send(const HttpRequest& request, const HttpCallbacks& callbacks,
                                        const Cancellation* cancel = nullptr);
  // Collects the body; more than `max_body` bytes is kTooLarge.
  [[nodiscard]] Result<HttpResult> fetch(const HttpRequest& request, size_t max_body,
                                         const Cancellation* cancel = nullptr);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace openpcc::net
