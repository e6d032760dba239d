// http.h - HTTP messages as the tests write them down, and as our decoder reports them.
#pragma once

#include "bhttp/decoder.h"
#include "codec.h"

namespace openpcc::interop {

// A message to write. {"method","scheme","authority","path"} or {"status"}; {"fields","trailers"} name -> values;
// {"body"}; "indeterminate": of unknown length; "piece": the body comes in pieces of that many bytes.
struct OutgoingMessage {
  bhttp::RequestHead request;    // filled from whichever names there are
  bhttp::ResponseHead response;  // likewise
  bhttp::Fields trailers;
  Bytes body;
  bool indeterminate = false;
  size_t piece = 0;

  // Calls `write` with each piece of the body; the first error ends it.
  [[nodiscard]] Status each_piece(const std::function<Status(ByteView)>& write) const;
};
[[nodiscard]] OutgoingMessage outgoing(const Json& message);

// Feeds `bytes` in steps of `piece` bytes; 0 feeds all at once.
[[nodiscard]] Status feed_in_pieces(ByteView bytes, size_t piece, const std::function<Status(ByteView)>& feed);

// Collects a message that is decoded.
class Collector : public bhttp::Handler {
 public:
  Status on_request(bhttp::RequestHead head) override;
  Status on_response(bhttp::ResponseHead head) override;
  Status on_content(ByteView data) override;
  Status on_trailers(bhttp::Fields trailers) override;

  // {"request": {...}} or {"response": {...}}; only when the message has ended well.
  [[nodiscard]] Json take();

 private:
  void take_head(const bhttp::Fields& fields, std::optional<uint64_t> content_length);

  std::string name_;
  Json message_;
  Bytes body_;
};

}  // namespace openpcc::interop
