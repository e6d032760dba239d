// test_support.h - for this folder's tests and fuzz target: what a decoder reported, as values that can be compared.
#pragma once

#include <algorithm>
#include <utility>

#include "bhttp/decoder.h"
#include "bhttp/encoder.h"

namespace openpcc::bhttp {

struct Recorder : Handler {
  std::vector<RequestHead> requests;
  std::vector<ResponseHead> responses;
  WipedBytes content;
  std::vector<Fields> trailers;
  std::string order;  // one letter a call; content calls in a row count as one

  Status on_request(RequestHead head) override {
    requests.push_back(std::move(head));
    order += 'q';
    return {};
  }
  Status on_response(ResponseHead head) override {
    responses.push_back(std::move(head));
    order += 'r';
    return {};
  }
  Status on_content(ByteView data) override {
    append(content, data);
    if (!order.ends_with('c')) order += 'c';
    return {};
  }
  Status on_trailers(Fields fields) override {
    trailers.push_back(std::move(fields));
    order += 't';
    return {};
  }
  friend bool operator==(const Recorder& a, const Recorder& b) {
    return a.requests == b.requests && a.responses == b.responses && a.content == b.content &&
           a.trailers == b.trailers && a.order == b.order;
  }
};

struct Outcome {
  Recorder seen;
  std::vector<ResponseHead> informational;
  std::optional<Error> error;
  std::optional<uint64_t> failed_at;

  friend bool operator==(const Outcome& a, const Outcome& b) {
    return a.seen == b.seen && a.informational == b.informational && a.failed_at == b.failed_at &&
           a.error.has_value() == b.error.has_value() &&
           (!a.error || (a.error->code == b.error->code && a.error->message == b.error->message));
  }
};

// Feeds the bytes in pieces of `piece` bytes, the first one `first` bytes long.
inline Outcome decode(Kind kind, ByteView bytes, size_t first = SIZE_MAX, size_t piece = SIZE_MAX) {
  Outcome outcome;
  Decoder decoder(kind, outcome.seen);
  Status status;
  while (status && !bytes.empty()) {
    const size_t count = std::min(std::exchange(first, piece), bytes.size());
    status = decoder.feed(bytes.first(count));
    bytes = bytes.subspan(count);
  }
  if (status) status = decoder.finish();
  if (!status) outcome.error = status.error();
  outcome.failed_at = decoder.failed_at();
  outcome.informational = decoder.informational();
  return outcome;
}

}  // namespace openpcc::bhttp
