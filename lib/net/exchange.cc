#include <algorithm>
#include <ctime>

#include "net/server.h"

namespace openpcc::net {
namespace {

// "Mon, 02 Jan 2006 15:04:05 GMT"; made once a second and thread.
const std::string& http_date() {
  thread_local std::time_t made = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != made) {
    constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char buffer[64];
    std::snprintf(buffer, sizeof(buffer), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[utc.tm_wday], utc.tm_mday,
                  kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    text = buffer;
    made = now;
  }
  return text;
}

}  // namespace

Exchange::Exchange(Stream& stream, MessageReader& reader, MessageParser& parser, const ServerOptions& options,
                   bool keep_alive)
    : stream_(stream),
      reader_(reader),
      parser_(parser),
      options_(options),
      keep_alive_(keep_alive && parser.keep_alive()) {
  const std::string* expect = find_field(parser.request_head().fields, "Expect");
  expects_continue_ = expect != nullptr && same_name(*expect, "100-continue") && parser.http11() && !parser.done();
}

RequestHead& Exchange::request() {
  return parser_.request_head();
}
bool Exchange::has_body() const {
  return parser_.chunked() || parser_.content_length().value_or(0) > 0;
}
std::optional<uint64_t> Exchange::content_length() const {
  return parser_.content_length();
}
const Fields& Exchange::trailers() const {
  return parser_.trailers();
}

Task<Result<ByteView>> Exchange::read_piece() {
  if (reading_stopped_) co_return fail(kCancelled, "the request's body is not wanted any more");
  if (expects_continue_ && !started() && !reader_.has_buffered()) {
    const ByteView parts[] = {as_bytes("HTTP/1.1 100 Continue\r\n\r\n")};
    OPENPCC_CO_TRY_STATUS(co_await stream_.write(parts));
  }
  expects_continue_ = false;
  auto piece = co_await reader_.read_piece(parser_);
  if (piece) count(*piece);
  co_return piece;
}

std::optional<Result<ByteView>> Exchange::buffered_piece() {
  auto piece = reader_.buffered_piece(parser_);
  if (piece && *piece) count(**piece);
  return piece;
}

void Exchange::count(ByteView piece) {
  body_read_ += piece.size();
  if (parser_.done()) stream_.no_read_deadline();  // it was for the body: the response may take longer
}

Task<Result<Bytes>> Exchange::read_all(size_t max_size) {
  Bytes out;
  if (content_length().value_or(0) > max_size) co_return fail(kTooLarge, "the body is larger than the limit");
  while (true) {
    OPENPCC_CO_TRY(const ByteView piece, co_await read_piece());
    if (piece.empty()) co_return out;
    if (piece.size() > max_size - out.size()) co_return fail(kTooLarge, "the body is larger than the limit");
    append(out, piece);
  }
}

void Exchange::stop_reading() {
  reading_stopped_ = true;
  stream_.interrupt();
}

bool Exchange::body_allowed(int status) const {
  return parser_.request_head().method != "HEAD" && status >= 200 && status != 204 && status != 304;
}

// A client that is not told "close" may use the connection again, so say it where the rest of its body is not going to
// be read. A chunked body under way may be short or long: it gets the benefit of the doubt if it is still being read.
bool Exchange::will_drain(bool whole) const {
  if (expects_continue_) return false;  // whether the body will follow is the client's secret
  if (const auto length = parser_.content_length()) return *length - body_read_ <= kDrain;
  return !whole;
}

Status Exchange::append_response_head(const ResponseHead& head, std::optional<uint64_t> length, bool whole) {
  out_.clear();
  if (!parser_.done() && !will_drain(whole)) keep_alive_ = false;
  const bool http11 = parser_.http11();
  chunked_ = !length && http11 && head.status != 204 && head.status != 304;
  if (!length && !http11) keep_alive_ = false;  // the body ends with the connection
  if (const std::string* wish = find_field(head.fields, "Connection"); wish != nullptr && same_name(*wish, "close")) {
    keep_alive_ = false;
  }
  std::string start = "HTTP/1.1 " + std::to_string(head.status) + " ";
  start += reason_phrase(head.status);
  if (find_field(head.fields, "Date") == nullptr) start += "\r\nDate: " + http_date();
  if (length && head.status != 204) start += "\r\nContent-Length: " + std::to_string(*length);
  if (chunked_) start += "\r\nTransfer-Encoding: chunked";
  if (!keep_alive_ && find_field(head.fields, "Connection") == nullptr) start += "\r\nConnection: close";
  if (keep_alive_ && !http11) start += "\r\nConnection: keep-alive";
  no_body_ = !body_allowed(head.status);
  status_ = head.status;
  return append_head(out_, start, head.fields);
}

// Sends what is pending in out_, then `body`, then `behind`.
Task<Status> Exchange::write_out(ByteView body, std::string_view behind) {
  stream_.expire_writes_after(options_.write_timeout);
  const ByteView parts[] = {as_bytes(out_), body, as_bytes(behind)};
  auto status = co_await stream_.write(parts);
  stream_.no_write_deadline();
  out_.clear();
  if (!status) state_ = State::kAbandoned;
  co_return status;
}

Task<Status> Exchange::respond(const ResponseHead& head, ByteView body) {
  if (started()) co_return fail(kBadHttp, "a second response");
  OPENPCC_CO_TRY_STATUS(append_response_head(head, body.size(), true));
  state_ = State::kDone;
  co_return co_await write_out(no_body_ ? ByteView() : body, {});
}

Task<Status> Exchange::respond(Reply reply, Fields fields) {
  ResponseHead head{reply.status, std::move(fields)};
  if (!reply.content_type.empty()) head.fields.push_back({"Content-Type", reply.content_type});
  co_return co_await respond(head, as_bytes(reply.body));
}

Status Exchange::start(const ResponseHead& head, std::optional<uint64_t> length) {
  if (started()) return fail(kBadHttp, "a second response");
  OPENPCC_TRY_STATUS(append_response_head(head, length, false));
  left_ = length;
  state_ = State::kStarted;
  return {};
}

Task<Status> Exchange::flush() {
  if (state_ != State::kStarted) co_return fail(kCutOff, "the response cannot go on");
  if (out_.empty()) co_return Status();
  co_return co_await write_out({}, {});
}

// Counts the piece and puts its chunk header into out_.
Status Exchange::add_piece(ByteView piece) {
  if (state_ != State::kStarted) return fail(kCutOff, "the response cannot go on");
  if (piece.empty() || no_body_) return {};
  if (left_) {
    if (piece.size() > *left_) {
      abandon();
      return fail(kTooLarge, "the body is longer than its announced length");
    }
    *left_ -= piece.size();
  }
  if (chunked_) append_chunk_size(out_, piece.size());
  return {};
}

Task<Status> Exchange::write_piece(ByteView piece) {
  OPENPCC_CO_TRY_STATUS(add_piece(piece));
  if (piece.empty() || no_body_) co_return Status();
  co_return co_await write_out(piece, chunked_ ? "\r\n" : "");
}

Task<Status> Exchange::finish(ByteView last_piece, const Fields& trailers) {
  OPENPCC_CO_TRY_STATUS(add_piece(last_piece));
  if (no_body_) last_piece = {};
  if (left_.value_or(0) > 0 && !no_body_) {
    abandon();
    co_return fail(kCutOff, "the body is shorter than its announced length");
  }
  std::string behind;
  if (chunked_ && !no_body_) {
    if (!last_piece.empty()) behind = "\r\n";
    if (auto status = append_last_chunk(behind, trailers); !status) {
      abandon();
      co_return status;
    }
  }
  state_ = State::kDone;
  co_return co_await write_out(last_piece, behind);
}

void Exchange::abandon() {
  if (state_ == State::kNone || state_ == State::kDone) return;
  state_ = State::kAbandoned;
}

void Exchange::watch_for_close(std::function<void()> on_close) {
  stream_.watch_for_close(std::move(on_close));
}

}  // namespace openpcc::net
