// error_body.h - the error bodies of the official programs, written and read (openpcc httpfmt/binary.go, json.go,
// errors.go).
#pragma once

#include "net/http.h"

namespace openpcc::net {

struct Reply {
  int status = 200;
  std::string content_type;  // empty: no such field
  std::string body;
};

// Content-Type application/octet-stream, body: protobuf Error{Message}.
[[nodiscard]] Reply protobuf_error(int status, std::string_view message);
// Content-Type application/json, body {"error":"..."}.
[[nodiscard]] Reply json_error(int status, std::string_view message);
// Content-Type text/plain; charset=utf-8, body: the message and a line end, as Go's http.Error.
[[nodiscard]] Reply text_error(int status, std::string_view message);

// What an error response says, by its exact Content-Type: the protobuf message, the JSON "error", or the text itself.
// Looks at no more than limits::kErrorBody bytes; control characters, those beyond ASCII and those that turn
// the direction of writing among them, and what is not UTF-8 become spaces, so that it can be shown on a terminal.
// Empty where the body does not decode.
[[nodiscard]] std::string error_message(std::string_view content_type, ByteView body);

}  // namespace openpcc::net
