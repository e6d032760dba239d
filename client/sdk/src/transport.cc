#include "transport.h"

#include <mutex>

namespace openpcc::sdk {
namespace {

using Clock = std::chrono::steady_clock;

class HttpTransport final : public Transport {
 public:
  HttpTransport(net::Url router, const TransportTimeouts& timeouts) : router_(std::move(router)), timeouts_(timeouts) {}

  Result<net::Fields> send(const TransportRequest& request, const net::HttpCallbacks& callbacks,
                           const net::Cancellation* cancel) override {
    net::HttpRequest http;
    http.method = request.method;
    http.url = router_.with_path(request.path);
    http.fields = request.fields;
    http.body = request.body;
    // A client is for one thread and keeps its connection: each call takes one out of the pool and puts it back.
    auto client = take();
    const auto deadline = Clock::now() + timeouts_.total;
    net::HttpCallbacks guarded = callbacks;
    if (timeouts_.total.count() > 0) {
      guarded.on_body = [&](ByteView bytes) -> Status {
        if (Clock::now() > deadline) return fail(net::kTimeout, "the request took longer than allowed");
        return callbacks.on_body(bytes);
      };
    }
    auto result = client.send(http, guarded, cancel);
    if (!result) return std::unexpected(std::move(result).error());  // the connection's state is not known: drop it
    put(std::move(client));
    return std::move(result->trailers);
  }

 private:
  net::BlockingHttpClient take() {
    {
      const std::scoped_lock lock(mutex_);
      if (!idle_.empty()) {
        auto client = std::move(idle_.back());
        idle_.pop_back();
        return client;
      }
    }
    net::HttpClientOptions options;
    options.connect_timeout = timeouts_.connect;
    options.head_timeout = timeouts_.total.count() > 0 ? std::min(timeouts_.idle, timeouts_.total) : timeouts_.idle;
    options.idle_timeout = options.head_timeout;
    return net::BlockingHttpClient(options);
  }

  void put(net::BlockingHttpClient client) {
    constexpr size_t kMaxIdle = 8;
    const std::scoped_lock lock(mutex_);
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(client));
  }

  const net::Url router_;
  const TransportTimeouts timeouts_;
  std::mutex mutex_;
  std::vector<net::BlockingHttpClient> idle_;
};

}  // namespace

std::unique_ptr<Transport> make_http_transport(net::Url router, const TransportTimeouts& timeouts) {
  return std::make_unique<HttpTransport>(std::move(router), timeouts);
}

}  // namespace openpcc::sdk
