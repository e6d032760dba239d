// The events of a message do not depend on how its bytes arrive, and what decodes is written back to the same meaning.
#include <algorithm>
#include <cstdlib>
#include <map>

#include "bhttp/test_support.h"

namespace {

using namespace openpcc;
using namespace openpcc::bhttp;

void require(bool condition) {
  if (!condition) std::abort();
}

// As indeterminate length, which carries everything; what the encoder writes by itself is left out of the comparison.
template <typename Head>
void rewrite(Head head, const Message& message, Status (MessageWriter::*write)(const Head&, WipedBytes&), Kind kind,
             std::optional<Head> Message::*which) {
  WipedBytes out;
  MessageWriter writer({67, 13});
  std::erase_if(head.fields, [](const Field& field) {
    return field.name == "content-length" || field.name == "transfer-encoding" || field.name == "host";
  });
  std::multimap<std::string, Field> sorted;  // keeps the order of equal names
  for (const Field& field : head.fields) sorted.emplace(field.name, field);
  head.fields.clear();
  for (const auto& [name, field] : sorted) head.fields.push_back(field);
  std::sort(head.trailer_names.begin(), head.trailer_names.end());
  head.content_length.reset();
  // Lines near the caps may not fit again once the encoder has added its own.
  if (!(writer.*write)(head, out)) return;
  require(writer.content(message.content, out).has_value());
  Fields trailers = message.trailers;
  std::erase_if(trailers, [&](const Field& field) {
    return std::find(head.trailer_names.begin(), head.trailer_names.end(), field.name) == head.trailer_names.end();
  });
  if (!writer.finish(trailers, out)) return;
  require(out.size() % 13 == 0);
  auto again = decode_whole(kind, out, message.content.size());
  require(again.has_value());
  Head& head_again = *((*again).*which);
  std::sort(head_again.trailer_names.begin(), head_again.trailer_names.end());
  require(head_again == head);
  require(again->content == message.content);
  for (const Field& field : trailers) {
    require(std::find(again->trailers.begin(), again->trailers.end(), field) != again->trailers.end());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const Outcome whole = decode(Kind::kAny, bytes);
  const size_t split = size == 0 ? 0 : (size_t{data[size - 1]} * 251 + data[size / 2]) % size;
  require(decode(Kind::kAny, bytes, split) == whole);
  require(decode(Kind::kAny, bytes, 1, 1) == whole);
  const auto message = decode_whole(Kind::kAny, bytes, size);
  require(message.has_value() == !whole.error);
  if (!message) return 0;
  if (message->request) {
    rewrite(*message->request, *message, &MessageWriter::request, Kind::kRequest, &Message::request);
  } else {
    rewrite(*message->response, *message, &MessageWriter::response, Kind::kResponse, &Message::response);
  }
  return 0;
}
