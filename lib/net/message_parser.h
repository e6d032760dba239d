// message_parser.h - one HTTP/1.1 message, byte by byte if need be (RFC 9112), on the tokenizer of Boost.Beast.
//
// Sans-IO; the bytes come from a peer and are hostile. Beyond Beast it refuses what two programs could read
// differently: a Transfer-Encoding other than exactly "chunked", one in HTTP/1.0, a request with none, several or
// malformed Host fields, several Content-Lengths or a list of them, a field over several lines, a target that does not
// start with '/'. It counts the bytes of all fields, trailers too, and the fields. A
// head that was parsed is kept apart from the trailers. After an error every further call gives that error.
#pragma once

#include <memory>

#include "net/http.h"

namespace openpcc::net {

struct ParserLimits {
  size_t max_head = size_t{64} << 10;  // bytes of the start line and the fields; and again of the trailers
  size_t max_fields = 256;             // in the head; and again in the trailers
};

class MessageParser {
 public:
  [[nodiscard]] static MessageParser request(ParserLimits limits);
  // `bodiless`: the response to a HEAD request.
  [[nodiscard]] static MessageParser response(ParserLimits limits, bool bodiless = false);
  ~MessageParser();
  MessageParser(MessageParser&&) noexcept;
  MessageParser& operator=(MessageParser&&) noexcept;

  struct Progress {
    size_t consumed = 0;  // give the rest again, with more behind it
    ByteView body;        // a piece of the body, inside the bytes given
  };
  // Goes on until the head is complete, a piece of the body came, the message is complete, or more bytes are needed
  // (nothing consumed). Bytes behind the message are not consumed.
  [[nodiscard]] Result<Progress> feed(ByteView bytes);
  // The peer closed. Fine when the message is complete or its body ends with the connection; else kCutOff.
  [[nodiscard]] Status end_of_input();

  [[nodiscard]] bool started() const;  // a byte of the message was consumed, or an error occurred
  [[nodiscard]] bool head_done() const;
  [[nodiscard]] bool done() const;

  // From head_done() on.
  [[nodiscard]] bool keep_alive() const;  // as far as the peer is concerned
  [[nodiscard]] bool http11() const;
  [[nodiscard]] bool ends_with_connection() const;  // the body has no length of its own: a cut cannot be seen
  [[nodiscard]] bool chunked() const;
  [[nodiscard]] std::optional<uint64_t> content_length() const;
  [[nodiscard]] RequestHead& request_head();
  [[nodiscard]] ResponseHead& response_head();
  // From done() on.
  [[nodiscard]] Fields& trailers();

 private:
  class Core;
  explicit MessageParser(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace openpcc::net
