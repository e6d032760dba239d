// A message means the same however its bytes arrive, also when a reader asks again without new bytes; a URL that was
// taken is taken again; an error body never acts on a terminal. The first byte chooses.
#include <algorithm>
#include <cstdlib>

#include "net/error_body.h"
#include "net/message_parser.h"
#include "net/url.h"

namespace {

using namespace openpcc;
using namespace openpcc::net;

struct Outcome {
  bool accepted = false;
  std::string start;
  Fields fields;
  Bytes body;
  Fields trailers;
  size_t consumed = 0;
  bool keep_alive = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void require(bool condition) {
  if (!condition) std::abort();
}

Outcome parse(MessageParser parser, ByteView bytes, size_t first, size_t step) {
  Outcome out;
  size_t given = std::min(first, bytes.size());
  bool again = false;
  while (!parser.done()) {
    const auto progress = parser.feed(bytes.subspan(out.consumed, given - out.consumed));
    if (!progress) {
      require(parser.feed(bytes).error().code == progress.error().code);
      return {};
    }
    append(out.body, progress->body);
    out.consumed += progress->consumed;
    if (progress->consumed > 0 || std::exchange(again, !again) == false) continue;
    if (given == bytes.size()) break;
    given += std::min(step, bytes.size() - given);
  }
  if (!parser.end_of_input()) return {};
  out.accepted = true;
  const RequestHead& request = parser.request_head();
  out.start = request.method + " " + request.target + " " + std::to_string(parser.response_head().status);
  out.fields = request.method.empty() ? parser.response_head().fields : request.fields;
  out.trailers = parser.trailers();
  out.keep_alive = parser.keep_alive();
  for (const Field& field : out.fields) require(is_valid(field));
  for (const Field& field : out.trailers) require(is_valid(field));
  require(out.fields.size() <= ParserLimits().max_fields && out.trailers.size() <= ParserLimits().max_fields);
  return out;
}

template <typename Make>
void message(ByteView bytes, Make make) {
  const Outcome whole = parse(make(), bytes, bytes.size(), 1);
  const size_t split = bytes.empty() ? 0 : (size_t{bytes.back()} * 251 + bytes[bytes.size() / 2]) % bytes.size();
  require(parse(make(), bytes, split, bytes.size()) == whole);
  if (bytes.size() <= 4096) require(parse(make(), bytes, 1, 1) == whole);
  Fields fields = whole.fields;
  remove_hop_by_hop(fields);
  require(find_field(fields, "Connection") == nullptr && find_field(fields, "Transfer-Encoding") == nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView bytes(data + 1, size - 1);
  switch (data[0]) {
    case 'q':
      message(bytes, [] { return MessageParser::request({}); });
      break;
    case 'r':
      message(bytes, [] { return MessageParser::response({}); });
      break;
    case 'h':
      message(bytes, [] { return MessageParser::response({}, true); });
      break;
    case 'u':
      if (const auto url = parse_url(as_text(bytes))) require(parse_url(url->to_string()) == *url);
      break;
    default:
      for (const char* type : {"text/plain", "application/json", "application/octet-stream"}) {
        const std::string shown = error_message(type, bytes);
        require(std::none_of(shown.begin(), shown.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }));
        require(error_message("text/plain", as_bytes(shown)) == shown);
      }
  }
  return 0;
}
