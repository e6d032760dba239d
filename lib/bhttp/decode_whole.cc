#include "bhttp/decoder.h"

namespace openpcc::bhttp {

namespace {

class Collector : public Handler {
 public:
  Collector(Message& message, size_t max_content) : message_(message), max_content_(max_content) {}

  Status on_request(RequestHead head) override {
    message_.request = std::move(head);
    return {};
  }
  Status on_response(ResponseHead head) override {
    message_.response = std::move(head);
    return {};
  }
  Status on_content(ByteView data) override {
    if (data.size() > max_content_ - message_.content.size()) {
      return fail(kTooLarge, "content of more than " + std::to_string(max_content_) + " bytes");
    }
    append(message_.content, data);
    return {};
  }
  Status on_trailers(Fields trailers) override {
    message_.trailers = std::move(trailers);
    return {};
  }

 private:
  Message& message_;
  const size_t max_content_;
};

}  // namespace

Result<Message> decode_whole(Kind kind, ByteView bytes, size_t max_content) {
  Message message;
  Collector collector(message, max_content);
  Decoder decoder(kind, collector);
  OPENPCC_TRY_STATUS(decoder.feed(bytes));
  OPENPCC_TRY_STATUS(decoder.finish());
  message.informational = decoder.informational();
  message.indeterminate_length = decoder.indeterminate_length();
  return message;
}

}  // namespace openpcc::bhttp
