// client.h - an HTTP/1.1 client for coroutines: connections kept per origin, bodies streamed both ways, trailers.
//
// Belongs to one loop. The limits are those of the official service transport (openpcc chunk/http_transport_unix.go):
// 100 idle connections an origin, 90 s; dialling 9 s.
#pragma once

#include "net/connect.h"
#include "net/message_io.h"

namespace openpcc::net {

struct ClientOptions {
  Clock::duration connect_timeout = std::chrono::seconds(9);
  Clock::duration head_timeout = std::chrono::seconds(300);  // from the last byte sent to the response's head
  Clock::duration idle_timeout = std::chrono::seconds(300);  // without a byte moving, in either body
  Clock::duration keep_idle = std::chrono::seconds(90);
  size_t max_idle_per_origin = 100;
  ParserLimits limits;
};

class ClientExchange;

class HttpClient {
 public:
  HttpClient(Loop& loop, ClientOptions options, std::shared_ptr<TlsContext> tls = nullptr);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // A connection to the URL's origin, kept or new, for one request.
  [[nodiscard]] Task<Result<std::unique_ptr<ClientExchange>>> open(const Url& url, Canceller* canceller = nullptr);
  [[nodiscard]] size_t idle_connections() const;

 private:
  friend class ClientExchange;
  class Pool;
  std::shared_ptr<Pool> pool_;  // shared with exchanges, which may outlive the client
};

// One request and its response. Send the head, then the body, then read the head and the body; reading may begin before
// the body is sent, in another coroutine. Destroyed: the connection is kept if both messages are complete, else closed.
class ClientExchange {
 public:
  struct Connection;
  ClientExchange(std::shared_ptr<HttpClient::Pool> pool, std::unique_ptr<Connection> connection);
  ~ClientExchange();
  ClientExchange(const ClientExchange&) = delete;
  ClientExchange& operator=(const ClientExchange&) = delete;

  // Sends head and body at once. Host, if not among the fields, and Content-Length are added.
  [[nodiscard]] Task<Status> send(const RequestHead& head, ByteView body);
  // Sends the head; the body follows by send_piece() and end_body(), with the length given or chunked.
  [[nodiscard]] Task<Status> send_head(const RequestHead& head, std::optional<uint64_t> length);
  [[nodiscard]] Task<Status> send_piece(ByteView piece);
  [[nodiscard]] Task<Status> end_body(const Fields& trailers = {});

  // Passes over 1xx responses.
  [[nodiscard]] Task<Result<ResponseHead*>> read_head();
  // Empty: the body is complete. kCutOff: it is not. Valid until the next call.
  [[nodiscard]] Task<Result<ByteView>> read_piece();
  [[nodiscard]] std::optional<Result<ByteView>> buffered_piece();
  [[nodiscard]] std::optional<uint64_t> content_length() const;
  [[nodiscard]] bool ends_with_connection() const;  // the body has no length of its own: a cut cannot be seen
  [[nodiscard]] bool done() const;
  [[nodiscard]] Fields& trailers();

  [[nodiscard]] Stream& stream();

 private:
  [[nodiscard]] Status start_head(const RequestHead& head, std::optional<uint64_t> length, bool has_body);

  std::shared_ptr<HttpClient::Pool> pool_;
  std::unique_ptr<Connection> connection_;
  std::optional<MessageParser> parser_;
  std::string out_;
  bool head_request_ = false;
  bool chunked_ = false;
  uint64_t left_ = 0;  // of a body with a length
  bool sent_ = false;
  bool close_ = false;  // the request asked for it
};

}  // namespace openpcc::net
