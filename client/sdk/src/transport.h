// transport.h - how requests reach the router. Direct HTTP today; OHTTP can be slipped under without a change above.
//
// Thread-safe. What comes back is hostile.
#pragma once

#include <chrono>
#include <memory>

#include "net/blocking_client.h"

namespace openpcc::sdk {

struct TransportRequest {
  std::string method;
  std::string path;  // at the router, starting with '/'
  net::Fields fields;
  ByteView body;  // must live until send() returns
};

class Transport {
 public:
  virtual ~Transport() = default;
  // The meaning of callbacks, errors and cancellation is that of net::BlockingHttpClient::send(). Returns the trailers.
  [[nodiscard]] virtual Result<net::Fields> send(const TransportRequest& request, const net::HttpCallbacks& callbacks,
                                                 const net::Cancellation* cancel) = 0;
};

struct TransportTimeouts {
  std::chrono::milliseconds connect{30'000};
  std::chrono::milliseconds idle{300'000};
  std::chrono::milliseconds total{0};  // 0: no limit
};

[[nodiscard]] std::unique_ptr<Transport> make_http_transport(net::Url router, const TransportTimeouts& timeouts);

}  // namespace openpcc::sdk
