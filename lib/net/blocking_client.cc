#include "net/blocking_client.h"

#include <unistd.h>

#include "net/client.h"
// After the wrapper, which prepares Boost for this compiler.
#include <boost/asio/posix/basic_stream_descriptor.hpp>

namespace openpcc::net {
namespace {

using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

constexpr size_t kPiece = 64 * 1024;  // larger bodies go out while the answer is awaited: it may be a refusal

// Sends the request's body beside the coroutine that reads the answer.
struct Upload {
  explicit Upload(Loop& loop) : ended(loop.io) {}
  Status status;
  Event ended;
};

// The caller's own functions may throw. Nothing may unwind past the other coroutine, which uses the same exchange.
template <typename Call>
auto without_exceptions(Call call) -> decltype(call()) {
  try {
    return call();
  } catch (...) {  // what it says may hold anything: it is not repeated
    return fail(kSystem, "a function of the caller threw an exception");
  }
}

Task<Status> send_pieces(ClientExchange& exchange, const HttpRequest& request) {
  for (ByteView rest = request.body; !rest.empty();) {
    const ByteView piece = rest.first(std::min(rest.size(), kPiece));
    OPENPCC_CO_TRY_STATUS(co_await exchange.send_piece(piece));
    rest = rest.subspan(piece.size());
  }
  while (request.next_piece) {
    OPENPCC_CO_TRY(const Bytes piece, without_exceptions([&] { return request.next_piece(); }));
    if (piece.empty()) break;
    OPENPCC_CO_TRY_STATUS(co_await exchange.send_piece(piece));
  }
  co_return co_await exchange.end_body();
}

Task<void> run_upload(ClientExchange& exchange, const HttpRequest& request, Upload& upload) {
  upload.status = co_await send_pieces(exchange, request);
  // A peer that resets after an early answer makes writing fail before the answer is read: that is no failure yet. A
  // source that fails ends the request.
  if (!upload.status && upload.status.error().code != kCutOff) exchange.stream().abort(kCancelled);
  upload.ended.set();
}

Task<Result<HttpResult>> read_answer(ClientExchange& exchange, const HttpCallbacks& callbacks) {
  OPENPCC_CO_TRY(ResponseHead* const head, co_await exchange.read_head());
  if (exchange.ends_with_connection()) co_return fail(kBadHttp, "a response without length: a cut would not be seen");
  HttpResult out;
  out.head = std::move(*head);
  if (callbacks.on_head) OPENPCC_CO_TRY_STATUS(without_exceptions([&] { return callbacks.on_head(out.head); }));
  while (true) {
    OPENPCC_CO_TRY(const ByteView piece, co_await exchange.read_piece());
    if (piece.empty()) break;
    if (callbacks.on_body) OPENPCC_CO_TRY_STATUS(without_exceptions([&] { return callbacks.on_body(piece); }));
  }
  out.trailers = std::move(exchange.trailers());
  co_return out;
}

// A connection made ahead of its request.
struct Opened {
  std::string origin;
  std::unique_ptr<ClientExchange> exchange;
};

Task<Status> open_ahead(HttpClient& client, const Url& url, Opened& opened, Canceller& canceller) {
  OPENPCC_CO_TRY(opened.exchange, co_await client.open(url, &canceller));
  opened.origin = url.origin();
  co_return Status();
}

Task<Result<HttpResult>> converse(Loop& loop, HttpClient& client, const HttpRequest& request,
                                  const HttpCallbacks& callbacks, Opened& opened, Canceller& canceller) {
  std::unique_ptr<ClientExchange> exchange;
  if (opened.exchange && opened.origin == request.url.origin()) {
    exchange = std::move(opened.exchange);
  } else {
    OPENPCC_CO_TRY(exchange, co_await client.open(request.url, &canceller));
  }
  canceller.on_cancel = [&stream = exchange->stream()] { stream.abort(kCancelled); };
  RequestHead head{request.method, request.url.target, request.fields};
  for (const char* name : {"Host", "Content-Length", "Transfer-Encoding"}) remove_field(head.fields, name);
  if (!request.next_piece && request.body.size() <= kPiece) {
    if (auto sent = co_await exchange->send(head, request.body); !sent && sent.error().code != kCutOff) {
      co_return std::unexpected(sent.error());
    }
    co_return co_await read_answer(*exchange, callbacks);
  }
  std::optional<uint64_t> length;
  if (!request.next_piece) length = request.body.size();
  OPENPCC_CO_TRY_STATUS(co_await exchange->send_head(head, length));
  Upload upload(loop);
  asio::co_spawn(loop.io.get_executor(), run_upload(*exchange, request, upload), asio::detached);
  auto answer = co_await read_answer(*exchange, callbacks);
  if (!upload.ended.is_set()) exchange->stream().abort(kCancelled);  // answered, or failed: the rest is not wanted
  co_await upload.ended.wait();
  const bool own_failure = !upload.status && upload.status.error().code != kCutOff;
  if (!answer && own_failure && !canceller.cancelled && answer.error().code == kCancelled) {
    co_return std::unexpected(upload.status.error());
  }
  co_return answer;
}

}  // namespace

class BlockingHttpClient::Impl {
 public:
  explicit Impl(HttpClientOptions options) : options_(std::move(options)) {
    ClientOptions settings;
    settings.connect_timeout = options_.connect_timeout;
    settings.head_timeout = options_.head_timeout;
    settings.idle_timeout = options_.idle_timeout;
    settings.limits.max_head = options_.max_head;
    settings_ = settings;
  }

  Result<HttpResult> send(const HttpRequest& request, const HttpCallbacks& callbacks, const Cancellation* cancel) {
    try {
      if (cancel != nullptr && cancel->cancelled()) return fail(kCancelled, "stopped before the request");
      OPENPCC_TRY_STATUS(set_up(request.url.https));
      return run<HttpResult>(cancel, [&](Canceller& canceller) {
        return converse(loop_, client(request.url), request, callbacks, opened_, canceller);
      });
    } catch (const std::exception& error) {
      return fail(kSystem, std::string("the request failed: ") + error.what());
    }
  }

  Status connect(const Url& url, const Cancellation* cancel) {
    try {
      OPENPCC_TRY_STATUS(set_up(url.https));
      return run<void>(cancel, [&](Canceller& canceller) { return open_ahead(client(url), url, opened_, canceller); });
    } catch (const std::exception& error) {
      return fail(kSystem, std::string("connecting failed: ") + error.what());
    }
  }

 private:
  // A client per kind of URL: the system's certificates take 20 ms to load, which http does not need.
  Status set_up(bool https) {
    auto& client = https ? https_ : http_;
    if (client) return {};
    std::shared_ptr<TlsContext> tls;
    if (https) {
      OPENPCC_TRY(tls, TlsContext::create(options_.ca_file));
    }
    client = std::make_unique<HttpClient>(loop_, settings_, std::move(tls));
    return {};
  }

  HttpClient& client(const Url& url) { return url.https ? *https_ : *http_; }

  // The loop turns until the coroutine that `start` makes has ended.
  template <typename T, typename Start>
  Result<T> run(const Cancellation* cancel, Start start) {
    Canceller canceller;
    std::optional<Descriptor> watched;
    if (cancel != nullptr) {
      watched.emplace(loop_.io, ::dup(cancel->descriptor()));
      watched->async_wait(Descriptor::wait_read, [&](const boost::system::error_code& error) {
        if (!error) canceller.cancel();
      });
    }
    std::optional<Result<T>> result;
    const auto talk = [&]() -> Task<void> { result = co_await start(canceller); };
    asio::co_spawn(loop_.io.get_executor(), talk(), [&](const std::exception_ptr& thrown) {
      if (thrown && !result) result = fail(kSystem, "out of memory or a defect while the request was made");
    });
    loop_.io.restart();
    while (!result && loop_.io.run_one() > 0) {
    }
    canceller.on_cancel = nullptr;  // what it pointed to is gone
    watched.reset();
    loop_.io.restart();
    loop_.io.poll();  // what was just ended goes while `canceller` lives
    if (!result) return fail(kSystem, "the event loop ended");
    return std::move(*result);
  }

  HttpClientOptions options_;
  ClientOptions settings_;
  Loop loop_;
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<HttpClient> https_;
  Opened opened_;
};

BlockingHttpClient::BlockingHttpClient(HttpClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
BlockingHttpClient::~BlockingHttpClient() = default;
BlockingHttpClient::BlockingHttpClient(BlockingHttpClient&&) noexcept = default;
BlockingHttpClient& BlockingHttpClient::operator=(BlockingHttpClient&&) noexcept = default;

Status BlockingHttpClient::connect(const Url& url, const Cancellation* cancel) {
  return impl_->connect(url, cancel);
}

Result<HttpResult> BlockingHttpClient::send(const HttpRequest& request, const HttpCallbacks& callbacks,
                                            const Cancellation* cancel) {
  return impl_->send(request, callbacks, cancel);
}

Result<HttpResult> BlockingHttpClient::fetch(const HttpRequest& request, size_t max_body, const Cancellation* cancel) {
  Bytes body;
  HttpCallbacks callbacks;
  callbacks.on_body = [&](ByteView piece) -> Status {
    if (piece.size() > max_body - body.size()) return fail(kTooLarge, "the response is larger than the limit");
    append(body, piece);
    return {};
  };
  OPENPCC_TRY(HttpResult out, send(request, callbacks, cancel));
  out.body = std::move(body);
  return out;
}

}  // namespace openpcc::net
