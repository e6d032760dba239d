#include "bhttp/decoder.h"

#include "base/varint.h"
#include "bhttp/internal.h"

namespace openpcc::bhttp {

using namespace internal;

namespace {

void wipe_text(std::string& text) {
  wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()});
}

void wipe_fields(Fields& fields) {
  for (Field& field : fields) wipe_text(field.value);
}

}  // namespace

// NOLINTBEGIN(performance-unnecessary-value-param): handlers that override these keep what they are given
Status Handler::on_request(RequestHead) {
  return fail(kMisuse, "no request is expected here");
}
Status Handler::on_response(ResponseHead) {
  return fail(kMisuse, "no response is expected here");
}
Status Handler::on_trailers(Fields) {
  return {};
}
// NOLINTEND(performance-unnecessary-value-param)

Decoder::~Decoder() {
  wipe_text(name_);
  wipe_fields(fields_);
  wipe_fields(pending_fields_);
  wipe_fields(request_.fields);
  wipe_text(request_.path);
  wipe_fields(response_head_.fields);
}

Status Decoder::stop(ErrorCode code, uint64_t byte, std::string_view rule) {
  failed_at_ = byte;
  return fail(code, "at byte " + std::to_string(byte) + ": " + std::string(rule));
}

void Decoder::advance(ByteView& bytes, size_t count) {
  bytes = bytes.subspan(count);
  position_ += count;
  if (in_section()) {
    line_size_ += count;
    if (!indeterminate_) section_left_ -= count;
  }
}

bool Decoder::in_section() const {
  return state_ == State::kNameLength || state_ == State::kName || state_ == State::kValueLength ||
         state_ == State::kValue;
}

Status Decoder::feed(ByteView bytes) {
  if (error_) return std::unexpected(*error_);
  if (state_ == State::kFinished) return fail(kMisuse, "bytes after finish");
  while (!bytes.empty()) {
    if (Status status = step(bytes); !status) {
      error_ = status.error();
      return status;
    }
  }
  return {};
}

// Takes at least one byte.
Status Decoder::step(ByteView& bytes) {
  switch (state_) {
    case State::kControl:
    case State::kName:
    case State::kValue:
      return take_text(bytes);
    case State::kContent:
      return take_content(bytes);
    case State::kPadding:
    case State::kFinished:
      return take_padding(bytes);
    default:
      return take_varint(bytes);
  }
}

Status Decoder::take_varint(ByteView& bytes) {
  if (varint_have_ == 0) item_start_ = position_;
  const uint8_t first = varint_have_ == 0 ? bytes[0] : varint_bytes_[0];
  const size_t size = size_t{1} << (first >> 6);
  if (in_section() && !indeterminate_ && size - varint_have_ > section_left_) {
    return stop(kMalformed, item_start_, "a field line runs past the end of its section");
  }
  const size_t count = std::min(size - varint_have_, bytes.size());
  std::copy_n(bytes.begin(), count, varint_bytes_.begin() + static_cast<std::ptrdiff_t>(varint_have_));
  varint_have_ += count;
  advance(bytes, count);
  if (varint_have_ < size) return {};
  varint_have_ = 0;
  return on_number(parse_varint({varint_bytes_.data(), size})->value);
}

Status Decoder::take_text(ByteView& bytes) {
  const size_t count = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  append(text_, bytes.first(count));
  advance(bytes, count);
  left_ -= count;
  return left_ == 0 ? on_text(as_text(text_)) : Status{};
}

Status Decoder::take_content(ByteView& bytes) {
  const size_t count = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  const ByteView data = bytes.first(count);
  advance(bytes, count);
  left_ -= count;
  OPENPCC_TRY_STATUS(handler_.on_content(data));
  if (left_ > 0) return {};
  if (!indeterminate_) return end_content();
  state_ = State::kContentLength;
  return {};
}

Status Decoder::take_padding(ByteView& bytes) {
  const auto bad = std::find_if(bytes.begin(), bytes.end(), [](uint8_t b) { return b != 0; });
  if (bad == bytes.end()) {
    advance(bytes, bytes.size());
    return {};
  }
  advance(bytes, static_cast<size_t>(bad - bytes.begin()));
  return stop(kBadPadding, position_, "padding must be zero bytes");
}

Status Decoder::begin_text(uint64_t length, State state) {
  text_.clear();
  text_start_ = position_;
  left_ = length;
  state_ = state;
  return length == 0 ? on_text({}) : Status{};
}

Status Decoder::on_number(uint64_t value) {
  switch (state_) {
    case State::kFraming:
      return on_framing(value);
    case State::kControlLength:
      return on_control_length(value);
    case State::kStatus:
      return on_status(value);
    case State::kSectionLength:
      return on_section_length(value);
    case State::kNameLength:
      return on_name_length(value);
    case State::kValueLength:
      return on_value_length(value);
    default:  // kContentLength
      return on_content_length(value);
  }
}

Status Decoder::on_text(std::string_view text) {
  if (state_ == State::kControl) return on_control(text);
  return state_ == State::kName ? on_name(text) : on_value(text);
}

Status Decoder::on_framing(uint64_t value) {
  if (value > kIndeterminateResponse) return stop(kMalformed, item_start_, "the framing indicator is not 0 to 3");
  response_ = value == kKnownResponse || value == kIndeterminateResponse;
  indeterminate_ = value >= kIndeterminateRequest;
  if (kind_ == Kind::kRequest && response_)
    return stop(kMalformed, item_start_, "a response where a request is expected");
  if (kind_ == Kind::kResponse && !response_)
    return stop(kMalformed, item_start_, "a request where a response is expected");
  state_ = response_ ? State::kStatus : State::kControlLength;
  return {};
}

Status Decoder::on_control_length(uint64_t length) {
  struct Part {
    size_t cap;
    std::string_view too_long;
  };
  static constexpr std::array<Part, 4> kParts{{{kMaxMethod, "the method is longer than 64 bytes"},
                                               {kMaxScheme, "the scheme is longer than 64 bytes"},
                                               {kMaxAuthority, "the authority is longer than 256 bytes"},
                                               {kMaxPath, "the path is longer than 4096 bytes"}}};
  const Part& part = kParts.at(control_index_);
  if (length > part.cap) return stop(kTooLarge, item_start_, part.too_long);
  return begin_text(length, State::kControl);
}

Status Decoder::on_control(std::string_view value) {
  state_ = State::kControlLength;
  switch (control_index_++) {
    case 0:
      if (!is_token(value)) return stop(kMalformed, text_start_, "the method is not a token");
      request_.method = value;
      return {};
    case 1:
      if (!is_scheme(value)) return stop(kMalformed, text_start_, "the scheme is not a URI scheme");
      request_.scheme = value;
      return {};
    case 2:
      if (!value.empty() && !is_authority(value)) return stop(kMalformed, text_start_, "the authority is not a host");
      request_.authority = value;
      return {};
    default:
      break;
  }
  if (request_.method == "CONNECT") {
    if (!value.empty()) return stop(kMalformed, text_start_, "CONNECT has no path");
  } else if (!is_request_target(value)) {
    return stop(kMalformed, text_start_, "the path is not a request target");
  }
  request_.path = value;
  begin_section();
  return {};
}

Status Decoder::on_status(uint64_t value) {
  if (value > kMaxStatus) return stop(kMalformed, item_start_, "the status is above 599");
  if (value < kFirstFinalStatus && informational_.size() == kMaxInformational) {
    return stop(kTooLarge, item_start_, "more than 16 informational responses");
  }
  response_head_.status = static_cast<int>(value);
  begin_section();
  return {};
}

Status Decoder::finish() {
  if (error_) return std::unexpected(*error_);
  if (state_ == State::kFinished) return fail(kMisuse, "finish comes once");
  Status status = check_end();
  if (status) {
    state_ = State::kFinished;
  } else {
    error_ = status.error();
  }
  return status;
}

Status Decoder::check_end() {
  if (state_ == State::kPadding) return {};
  const bool at_number = varint_have_ == 0;
  const bool no_content = state_ == State::kContentLength && at_number && !content_seen_;
  const bool no_trailers = in_trailer_ && at_number && fields_.empty() &&
                           (state_ == State::kSectionLength || (indeterminate_ && state_ == State::kNameLength));
  if (!no_content && !no_trailers) {
    const std::string_view part = in_trailer_                 ? "the trailer section"
                                  : state_ == State::kFraming ? "the framing indicator"
                                  : state_ == State::kControlLength || state_ == State::kControl ? "the control data"
                                  : state_ == State::kStatus                                     ? "the status"
                                  : state_ == State::kContentLength || state_ == State::kContent ? "the content"
                                                                                                 : "the header section";
    return stop(kTruncated, position_, "the bytes end inside " + std::string(part));
  }
  return deliver_head(true);
}

}  // namespace openpcc::bhttp
