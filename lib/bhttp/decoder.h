// decoder.h - reads one Binary HTTP message (RFC 9292), fed with its bytes in any pieces.
//
// The bytes are a peer's and hostile. Field sections are buffered up to the caps of message.h, content is passed on as
// it comes. Every error message starts with "at byte N: " and names the rule. Not thread-safe; the handler is called
// from inside feed() and finish(), must outlive the decoder and must not call it.
#pragma once

#include "base/secret_bytes.h"
#include "bhttp/message.h"

namespace openpcc::bhttp {

// Called in this order: one of on_request and on_response once, on_content any number of times, on_trailers at most
// once. Nothing is final before finish() has succeeded. An error returned here stops the decoder and comes out of
// feed() or finish().
class Handler {
 public:
  virtual ~Handler() = default;
  virtual Status on_request(RequestHead head);    // the default refuses
  virtual Status on_response(ResponseHead head);  // the default refuses
  virtual Status on_content(ByteView data) = 0;   // never empty; valid during the call
  // Only when the head announced trailers and at least one came; then all that came, announced or not.
  virtual Status on_trailers(Fields trailers);  // the default drops them
};

enum class Kind { kRequest, kResponse, kAny };

class Decoder {
 public:
  // Refuses messages that are not of this kind.
  Decoder(Kind kind, Handler& handler) : kind_(kind), handler_(handler) {}
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Takes the next bytes of the message. After the first error, every call returns that error again.
  [[nodiscard]] Status feed(ByteView bytes);
  // The bytes are over. kTruncated unless they were a whole message: what may be missing at the end is an empty
  // trailer section, and before it content that is empty too (RFC 9292 §3.8). Call it once.
  [[nodiscard]] Status finish();

  // True once header section, content and trailer section have been read; only zeros may follow.
  [[nodiscard]] bool message_ended() const { return state_ >= State::kPadding; }
  [[nodiscard]] uint64_t position() const { return position_; }                   // bytes taken so far
  [[nodiscard]] std::optional<uint64_t> failed_at() const { return failed_at_; }  // the byte an error is about
  [[nodiscard]] bool indeterminate_length() const { return indeterminate_; }
  // Responses below 200 that came before the final one; they are not given to the handler.
  [[nodiscard]] const std::vector<ResponseHead>& informational() const { return informational_; }

 private:
  enum class State {
    kFraming,
    kControlLength,
    kControl,
    kStatus,
    kSectionLength,
    kNameLength,
    kName,
    kValueLength,
    kValue,
    kContentLength,
    kContent,
    kPadding,
    kFinished,
  };
  // Bytes: each of these takes some from the front.
  Status step(ByteView& bytes);
  Status take_varint(ByteView& bytes);
  Status take_text(ByteView& bytes);
  Status take_content(ByteView& bytes);
  Status take_padding(ByteView& bytes);
  void advance(ByteView& bytes, size_t count);
  [[nodiscard]] bool in_section() const;
  // Items: each is called when a number or a text is complete.
  Status on_number(uint64_t value);
  Status on_text(std::string_view text);
  Status on_framing(uint64_t value);
  Status on_control_length(uint64_t length);
  Status on_control(std::string_view value);
  Status on_status(uint64_t value);
  Status on_section_length(uint64_t length);
  Status on_name_length(uint64_t length);
  Status on_name(std::string_view text);
  Status on_value_length(uint64_t length);
  Status on_value(std::string_view text);
  Status on_content_length(uint64_t length);
  Status on_trailer_field(std::string_view value);
  Status on_host_field(std::string_view value);
  Status begin_text(uint64_t length, State state);
  void begin_section();
  Status begin_line();
  Status check_line(uint64_t length);
  Status end_section();
  Status end_content();
  Status deliver_head(bool nothing_follows);
  Status check_end();
  Status stop(ErrorCode code, uint64_t byte, std::string_view rule);

  const Kind kind_;
  Handler& handler_;
  State state_ = State::kFraming;
  std::optional<Error> error_;
  std::optional<uint64_t> failed_at_;
  uint64_t position_ = 0;

  // The item being read.
  std::array<uint8_t, 8> varint_bytes_{};
  size_t varint_have_ = 0;
  uint64_t item_start_ = 0;  // first byte of the number
  WipedBytes text_;
  uint64_t text_start_ = 0;
  uint64_t left_ = 0;  // bytes missing of a text or of content

  // The message so far.
  bool response_ = false;
  bool indeterminate_ = false;
  bool in_trailer_ = false;  // content is over
  bool content_seen_ = false;
  bool head_delivered_ = false;
  size_t control_index_ = 0;
  RequestHead request_;
  ResponseHead response_head_;
  std::vector<ResponseHead> informational_;
  bool host_field_seen_ = false;
  bool trailer_field_seen_ = false;
  std::vector<std::string> trailer_names_;
  size_t content_length_fields_ = 0;
  uint64_t content_length_at_ = 0;
  std::optional<uint64_t> content_length_;

  // The field section being read.
  Fields fields_;
  Fields pending_fields_;  // of a head that waits for the trailer section's length
  std::string name_;
  uint64_t name_start_ = 0;
  bool regular_line_seen_ = false;
  size_t section_left_ = 0;   // bytes left of a known-length section
  size_t sections_size_ = 0;  // bytes of the sections' finished lines, against kMaxSections
  size_t line_size_ = 0;
  size_t field_lines_ = 0;
};

// A whole message in memory, for callers that need all of it before they do anything.
struct Message {
  std::optional<RequestHead> request;  // one of the two
  std::optional<ResponseHead> response;
  WipedBytes content;
  Fields trailers;
  std::vector<ResponseHead> informational;
  bool indeterminate_length = false;
};
// kTooLarge when the content is longer than `max_content`.
[[nodiscard]] Result<Message> decode_whole(Kind kind, ByteView bytes, size_t max_content);

}  // namespace openpcc::bhttp
