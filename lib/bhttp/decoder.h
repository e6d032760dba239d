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
  [[nodiscard]] bool message_ended() const { return state_ == State::kPadding; }
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
    kTrailerLength,
    kPadding,
    kFinished,
  };
  struct Input;
  Status step(Input& in);
  Status stop(ErrorCode code, uint64_t byte, std::string_view rule);
  Result<std::optional<uint64_t>> varint(Input& in);
  bool text(Input& in);
  Status on_framing(uint64_t value);
  Status on_control(std::string_view value);
  Status on_status(uint64_t value);
  Status begin_line_or_end_section();
  Status on_name_length(uint64_t length);
  Status on_value_length(uint64_t length);
  Status on_line_end();
  Status end_section();
  Status begin_content(uint64_t length);
  Status end_content();
  Status prepare_head();
  Status announce_trailers(Fields& fields, std::vector<std::string>& names);
  Status take_host();
  Status deliver_head();

  const Kind kind_;
  Handler& handler_;
  State state_ = State::kFraming;
  std::optional<Error> error_;
  std::optional<uint64_t> failed_at_;
  uint64_t position_ = 0;
  uint64_t item_start_ = 0;  // where the item being read began
  bool response_ = false;
  bool indeterminate_ = false;
  bool in_trailer_ = false;
  bool head_delivered_ = false;
  bool content_seen_ = false;
  bool regular_line_seen_ = false;
  uint8_t varint_bytes_[8] = {};
  size_t varint_have_ = 0;
  WipedBytes text_;            // name, value or control data being read
  uint64_t left_ = 0;          // bytes missing of text or content
  uint64_t section_left_ = 0;  // bytes left of a known-length section
  size_t sections_size_ = 0;
  size_t field_lines_ = 0;
  size_t line_size_ = 0;
  int control_index_ = 0;
  std::string name_;
  uint64_t name_start_ = 0;
  RequestHead request_;
  ResponseHead response_head_;
  std::vector<ResponseHead> informational_;
  Fields fields_;  // of the section being read
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
