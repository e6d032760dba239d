#include "net/client.h"

#include <algorithm>
#include <deque>
#include <map>

namespace openpcc::net {

struct ClientExchange::Connection {
  Connection(std::unique_ptr<Stream> from, std::string to, std::string host, size_t max_head)
      : stream(std::move(from)), reader(*stream, max_head), origin(std::move(to)), authority(std::move(host)) {}
  std::unique_ptr<Stream> stream;
  MessageReader reader;
  std::string origin;
  std::string authority;
};

class HttpClient::Pool {
 public:
  using Connection = ClientExchange::Connection;
  Pool(Loop& event_loop, ClientOptions settings, std::shared_ptr<TlsContext> trust)
      : loop(event_loop), options(settings), tls(std::move(trust)), purge_(loop.deadlines, [this] { purge(); }) {}

  std::unique_ptr<Connection> take(const std::string& origin) {
    const auto found = idle_.find(origin);
    if (found == idle_.end()) return nullptr;
    std::unique_ptr<Connection> out;
    while (!out && !found->second.empty()) {
      Idle idle = std::move(found->second.back());  // the one used last is the likeliest to live
      found->second.pop_back();
      // Whatever an idle connection has to say, it is of no more use: most often it is the end.
      if (Clock::now() - idle.since < options.keep_idle && !idle.connection->stream->readable_now()) {
        out = std::move(idle.connection);
      }
    }
    if (found->second.empty()) idle_.erase(found);
    return out;
  }

  void give_back(std::unique_ptr<Connection> connection) {
    if (closed) return;
    connection->stream->no_read_deadline();
    connection->stream->no_write_deadline();
    connection->reader.release_memory();
    auto& kept = idle_[connection->origin];
    if (kept.size() >= options.max_idle_per_origin) return;
    if (kept.empty()) purge_.set_after(options.keep_idle);
    kept.push_back({std::move(connection), Clock::now()});
  }

  size_t idle() const {
    size_t count = 0;
    for (const auto& [origin, kept] : idle_) count += kept.size();
    return count;
  }

  void close() {
    closed = true;
    idle_.clear();
  }

  Loop& loop;
  ClientOptions options;
  std::shared_ptr<TlsContext> tls;
  bool closed = false;

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    Clock::time_point since;
  };

  void purge() {
    const auto now = Clock::now();
    for (auto at = idle_.begin(); at != idle_.end();) {
      std::erase_if(at->second, [&](const Idle& idle) { return now - idle.since >= options.keep_idle; });
      at = at->second.empty() ? idle_.erase(at) : std::next(at);
    }
    if (!idle_.empty()) purge_.set_after(options.keep_idle / 2);
  }

  std::map<std::string, std::deque<Idle>, std::less<>> idle_;
  Deadline purge_;
};

HttpClient::HttpClient(Loop& loop, ClientOptions options, std::shared_ptr<TlsContext> tls)
    : pool_(std::make_shared<Pool>(loop, options, std::move(tls))) {}

HttpClient::~HttpClient() {
  pool_->close();
}

size_t HttpClient::idle_connections() const {
  return pool_->idle();
}

Task<Result<std::unique_ptr<ClientExchange>>> HttpClient::open(const Url& url, Canceller* canceller) {
  auto pool = pool_;
  std::string origin = url.origin();
  auto connection = pool->take(origin);
  if (!connection) {
    OPENPCC_CO_TRY(auto stream,
                   co_await connect(pool->loop, url, pool->tls.get(), pool->options.connect_timeout, canceller));
    connection = std::make_unique<ClientExchange::Connection>(std::move(stream), std::move(origin), url.authority(),
                                                              pool->options.limits.max_head);
  }
  co_return std::make_unique<ClientExchange>(std::move(pool), std::move(connection));
}

ClientExchange::ClientExchange(std::shared_ptr<HttpClient::Pool> pool, std::unique_ptr<Connection> connection)
    : pool_(std::move(pool)), connection_(std::move(connection)) {}

ClientExchange::~ClientExchange() {
  connection_->stream->unwatch();
  const bool reusable = sent_ && parser_ && parser_->done() && parser_->keep_alive() &&
                        !parser_->ends_with_connection() && !close_ && !connection_->reader.has_buffered() &&
                        !connection_->stream->aborted() && parser_->response_head().status != 101;
  if (reusable) pool_->give_back(std::move(connection_));
}

Stream& ClientExchange::stream() {
  return *connection_->stream;
}

Status ClientExchange::start_head(const RequestHead& head, std::optional<uint64_t> length, bool has_body) {
  out_.clear();
  const auto is_clean = [](char c) { return c > ' ' && c < 0x7f; };
  if (!std::all_of(head.target.begin(), head.target.end(), is_clean) || !head.target.starts_with('/') ||
      !is_valid({head.method, ""})) {
    return fail(kBadField, "a request line that cannot be sent");
  }
  head_request_ = head.method == "HEAD";
  const std::string* connection = find_field(head.fields, "Connection");
  close_ = connection != nullptr && same_name(*connection, "close");
  std::string start = head.method + " " + head.target + " HTTP/1.1";
  if (find_field(head.fields, "Host") == nullptr) start += "\r\nHost: " + connection_->authority;
  if (length && (*length > 0 || has_body)) start += "\r\nContent-Length: " + std::to_string(*length);
  if (!length) start += "\r\nTransfer-Encoding: chunked";
  return append_head(out_, start, head.fields);
}

Task<Status> ClientExchange::send(const RequestHead& head, ByteView body) {
  const bool has_body = !body.empty() || (head.method != "GET" && head.method != "HEAD");
  OPENPCC_CO_TRY_STATUS(start_head(head, body.size(), has_body));
  stream().expire_writes_after(pool_->options.idle_timeout);
  const ByteView parts[] = {as_bytes(out_), body};
  OPENPCC_CO_TRY_STATUS(co_await stream().write(parts));
  stream().no_write_deadline();
  sent_ = true;
  co_return Status();
}

Task<Status> ClientExchange::send_head(const RequestHead& head, std::optional<uint64_t> length) {
  OPENPCC_CO_TRY_STATUS(start_head(head, length, true));
  chunked_ = !length;
  left_ = length.value_or(0);
  stream().expire_writes_after(pool_->options.idle_timeout);
  const ByteView parts[] = {as_bytes(out_)};
  co_return co_await stream().write(parts);
}

Task<Status> ClientExchange::send_piece(ByteView piece) {
  if (piece.empty()) co_return Status();  // an empty chunk would be the last
  stream().expire_writes_after(pool_->options.idle_timeout);
  if (!chunked_) {
    if (piece.size() > left_) co_return fail(kTooLarge, "the body is longer than its announced length");
    left_ -= piece.size();
    const ByteView parts[] = {piece};
    co_return co_await stream().write(parts);
  }
  out_.clear();
  append_chunk_size(out_, piece.size());
  const ByteView parts[] = {as_bytes(out_), piece, as_bytes("\r\n")};
  co_return co_await stream().write(parts);
}

Task<Status> ClientExchange::end_body(const Fields& trailers) {
  if (!chunked_ && left_ > 0) co_return fail(kCutOff, "the body is shorter than its announced length");
  if (chunked_) {
    out_.clear();
    OPENPCC_CO_TRY_STATUS(append_last_chunk(out_, trailers));
    stream().expire_writes_after(pool_->options.idle_timeout);
    const ByteView parts[] = {as_bytes(out_)};
    OPENPCC_CO_TRY_STATUS(co_await stream().write(parts));
  }
  stream().no_write_deadline();
  sent_ = true;
  co_return Status();
}

Task<Result<ResponseHead*>> ClientExchange::read_head() {
  stream().expire_reads_after(pool_->options.head_timeout);
  for (int interim = 0; interim < 16; ++interim) {
    parser_.emplace(MessageParser::response(pool_->options.limits, head_request_));
    OPENPCC_CO_TRY(const bool came, co_await connection_->reader.read_head(*parser_));
    if (!came) co_return fail(kCutOff, "the server closed the connection without an answer");
    const int status = parser_->response_head().status;
    if (status == 101) co_return fail(kBadHttp, "an upgrade that nobody asked for");
    if (status >= 200) co_return &parser_->response_head();
  }
  stream().abort(kCancelled);  // the last of them was complete: without this the connection would be kept
  co_return fail(kBadHttp, "too many interim responses");
}

Task<Result<ByteView>> ClientExchange::read_piece() {
  stream().expire_reads_after(pool_->options.idle_timeout);
  co_return co_await connection_->reader.read_piece(*parser_);
}

std::optional<Result<ByteView>> ClientExchange::buffered_piece() {
  return connection_->reader.buffered_piece(*parser_);
}

std::optional<uint64_t> ClientExchange::content_length() const {
  return parser_->content_length();
}
bool ClientExchange::ends_with_connection() const {
  return parser_->ends_with_connection();
}
bool ClientExchange::done() const {
  return parser_ && parser_->done();
}
Fields& ClientExchange::trailers() {
  return parser_->trailers();
}

}  // namespace openpcc::net
