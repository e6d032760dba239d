#include "net/message_parser.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "net/asio.h"
// After the wrapper, which prepares Boost for this compiler.
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace openpcc::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

std::string text(beast::string_view view) {
  return {view.data(), view.size()};
}

// "0\r\n\r\n". Beast asserts that it gets as much when it comes back to a last chunk that was not all there: fewer
// bytes from a peer would end the process.
constexpr size_t kShortestChunkEnd = 5;

// The characters of Go's httpguts.ValidHostHeader.
bool is_host_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != 0 && std::string_view("!$%&'()*+,-.:;=[]_~").find(c) != std::string_view::npos);
}

// What both directions collect, whatever the start line.
struct Collected {
  ParserLimits limits;
  ByteView input;  // what the tokenizer is being given
  RequestHead request;
  ResponseHead response;
  Fields fields;
  Fields trailers;
  ByteView body;
  std::optional<Error> refused;
  size_t size = 0;  // bytes of the fields so far, of the head or of the trailers
  size_t hosts = 0;
  size_t lengths = 0;
  uint64_t chunk_left = 0;  // bytes missing of the chunk that is being read
  bool head_done = false;
  bool http11 = false;

  void refuse(error_code& ec, ErrorCode code, const char* why) {
    refused = Error{code, why};
    ec = http::make_error_code(http::error::bad_field);
  }

  void start(size_t line, int version, error_code& ec) {
    http11 = version >= 11;
    size = line;
    if (size > limits.max_head) refuse(ec, kTooLarge, "the start line is larger than the limit");
  }

  // RFC 9112 §5.2, obs-fold. Beast joins the lines in a buffer of its own, unless the first ones are empty.
  [[nodiscard]] bool is_folded(beast::string_view name, beast::string_view value) const {
    const auto* const begin = reinterpret_cast<const char*>(input.data());
    const std::less<> before;
    if (before(value.data(), begin) || before(begin + input.size(), value.data() + value.size())) return true;
    return std::any_of(name.data() + name.size(), value.data(), [](char c) { return c == '\r' || c == '\n'; });
  }

  void field(beast::string_view name, beast::string_view value, error_code& ec) {
    Fields& target = head_done ? trailers : fields;
    size += name.size() + value.size() + 4;
    if (size > limits.max_head || target.size() >= limits.max_fields) {
      return refuse(ec, kTooLarge, "the fields are larger than the limit");
    }
    if (is_folded(name, value)) return refuse(ec, kBadHttp, "a field over several lines");
    if (!head_done && beast::iequals(name, "Content-Length")) {
      // Beast also takes the same number twice, in one field or in two.
      const bool digits = std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
      if (++lengths > 1 || !digits) return refuse(ec, kBadHttp, "not exactly one Content-Length");
    }
    if (!head_done && beast::iequals(name, "Transfer-Encoding") && (!http11 || !beast::iequals(value, "chunked"))) {
      return refuse(ec, kBadHttp, "a transfer encoding other than chunked");
    }
    if (!head_done && beast::iequals(name, "Host")) {
      ++hosts;
      if (!std::all_of(value.begin(), value.end(), is_host_char)) return refuse(ec, kBadHttp, "a malformed Host field");
    }
    target.push_back({text(name), text(value)});
    if (!is_valid(target.back())) refuse(ec, kBadHttp, "a field with a control character");
  }

  void end_head() {
    head_done = true;
    size = 0;
  }
};

template <bool isRequest>
class Tokenizer final : public http::basic_parser<isRequest> {
 public:
  explicit Tokenizer(Collected& collected) : collected_(collected) {
    // No limit: bodies are streamed, and who collects one sets it. (Boost 1.74 takes boost::none for a limit of zero.)
    this->body_limit(std::numeric_limits<std::uint64_t>::max());
    this->header_limit(static_cast<std::uint32_t>(collected.limits.max_head));
    this->eager(false);
  }

 private:
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int version,
                       error_code& ec) override {
    collected_.request.method = text(method);
    collected_.request.target = text(target);
    collected_.start(method.size() + target.size() + 12, version, ec);
  }
  void on_response_impl(int status, beast::string_view reason, int version, error_code& ec) override {
    collected_.response.status = status;
    collected_.start(reason.size() + 15, version, ec);
    if (status < 100 || status > 999) collected_.refuse(ec, kBadHttp, "a status that is none");
  }
  void on_field_impl(http::field, beast::string_view name, beast::string_view value, error_code& ec) override {
    collected_.field(name, value, ec);
  }
  void on_header_impl(error_code& ec) override {
    if constexpr (isRequest) {
      if (!collected_.request.target.starts_with('/')) {
        return collected_.refuse(ec, kBadHttp, "a target that is no path");
      }
      if (collected_.hosts > 1 || (collected_.http11 && collected_.hosts == 0)) {
        return collected_.refuse(ec, kBadHttp, "not exactly one Host field");
      }
      collected_.request.fields = std::move(collected_.fields);
    } else {
      collected_.response.fields = std::move(collected_.fields);
    }
    collected_.end_head();
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code&) override {
    collected_.body = as_bytes({body.data(), body.size()});
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view, error_code&) override {
    collected_.chunk_left = size;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
    collected_.body = as_bytes({body.data(), body.size()});
    collected_.chunk_left -= body.size();
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  Collected& collected_;
};

}  // namespace

class MessageParser::Core {
 public:
  Core(ParserLimits limits, bool request) {
    collected.limits = limits;
    if (request) {
      request_.emplace(collected);
    } else {
      response_.emplace(collected);
    }
  }

  // Calls `use` with the tokenizer of this direction.
  template <typename Use>
  auto with(Use use) {
    return request_ ? use(*request_) : use(*response_);
  }

  Collected collected;
  std::optional<Error> dead;
  bool started = false;
  bool finished_by_end = false;

 private:
  std::optional<Tokenizer<true>> request_;
  std::optional<Tokenizer<false>> response_;
};

MessageParser::MessageParser(std::unique_ptr<Core> core) : core_(std::move(core)) {}
MessageParser::~MessageParser() = default;
MessageParser::MessageParser(MessageParser&&) noexcept = default;
MessageParser& MessageParser::operator=(MessageParser&&) noexcept = default;

MessageParser MessageParser::request(ParserLimits limits) {
  return MessageParser(std::make_unique<Core>(limits, true));
}

MessageParser MessageParser::response(ParserLimits limits, bool bodiless) {
  MessageParser out(std::make_unique<Core>(limits, false));
  if (bodiless) {
    out.core_->with([](auto& tokenizer) { tokenizer.skip(true); });
  }
  return out;
}

Result<MessageParser::Progress> MessageParser::feed(ByteView bytes) {
  Core& core = *core_;
  if (core.dead) return std::unexpected(*core.dead);
  Progress progress;
  while (!done() && progress.consumed < bytes.size()) {
    const ByteView rest = bytes.subspan(progress.consumed);
    const bool had_head = head_done();
    if (had_head && chunked() && core.collected.chunk_left == 0 && rest[0] == '0' && rest.size() < kShortestChunkEnd)
      break;
    core.collected.body = {};
    core.collected.input = rest;
    error_code ec;
    const size_t used =
        core.with([&](auto& tokenizer) { return tokenizer.put(boost::asio::buffer(rest.data(), rest.size()), ec); });
    progress.consumed += used;
    core.started = core.started || used > 0;
    if (ec == http::make_error_code(http::error::need_more)) break;
    if (ec) {
      core.started = true;
      if (core.collected.refused) {
        core.dead = core.collected.refused;
      } else if (ec == http::make_error_code(http::error::header_limit)) {
        core.dead = Error{kTooLarge, "the fields are larger than the limit"};
      } else {
        core.dead = Error{kBadHttp, "malformed HTTP: " + ec.message()};
      }
      return std::unexpected(*core.dead);
    }
    progress.body = core.collected.body;
    if (!progress.body.empty() || (!had_head && head_done())) break;
  }
  return progress;
}

Status MessageParser::end_of_input() {
  Core& core = *core_;
  if (core.dead) return std::unexpected(*core.dead);
  if (done()) return {};
  if (head_done() && ends_with_connection()) {
    core.finished_by_end = true;
    return {};
  }
  core.started = true;
  core.dead = Error{kCutOff, "the connection ended before the message did"};
  return std::unexpected(*core.dead);
}

bool MessageParser::started() const {
  return core_->started;
}
bool MessageParser::head_done() const {
  return core_->collected.head_done;
}
bool MessageParser::done() const {
  return core_->finished_by_end || core_->with([](auto& tokenizer) { return tokenizer.is_done(); });
}
bool MessageParser::keep_alive() const {
  return core_->with([](auto& tokenizer) { return tokenizer.keep_alive(); });
}
bool MessageParser::http11() const {
  return core_->collected.http11;
}
bool MessageParser::ends_with_connection() const {
  return core_->with([](auto& tokenizer) { return tokenizer.need_eof(); });
}
bool MessageParser::chunked() const {
  return core_->with([](auto& tokenizer) { return tokenizer.chunked(); });
}
std::optional<uint64_t> MessageParser::content_length() const {
  const auto length = core_->with([](auto& tokenizer) { return tokenizer.content_length(); });
  if (!length) return std::nullopt;
  return *length;
}
RequestHead& MessageParser::request_head() {
  return core_->collected.request;
}
ResponseHead& MessageParser::response_head() {
  return core_->collected.response;
}
Fields& MessageParser::trailers() {
  return core_->collected.trailers;
}

}  // namespace openpcc::net
