// First byte: which decoder. What it accepts is written back, and means the same.
#include <cstdlib>

#include "wire/badge.h"
#include "wire/currency.h"
#include "wire/node_event.h"
#include "wire/router.h"
#include "wire/worker_output.h"

namespace {

using namespace openpcc;
using namespace openpcc::wire;

void require(bool condition) {
  if (!condition) std::abort();
}

Bytes value_of(Bytes bytes) {
  return bytes;
}
Bytes value_of(Result<Bytes> bytes) {
  require(bytes.has_value());
  return std::move(*bytes);
}

template <typename Decode>
void round_trip(ByteView bytes, Decode decode) {
  const auto first = decode(bytes);
  if (!first) return;
  const Bytes encoded = value_of(encode(*first));
  const auto second = decode(encoded);
  require(second.has_value() && *second == *first);
  require(value_of(encode(*second)) == encoded);
}

// The output must read the same whole and in two pieces.
struct Seen : WorkerOutputReader::Handler {
  std::optional<OutputHeader> header;
  Bytes data;
  int footers = 0;
  std::optional<Currency> refund;
  Status on_header(OutputHeader given) override {
    require(!header);
    header = std::move(given);
    return {};
  }
  Status on_data(ByteView bytes) override {
    require(header && footers == 0 && !bytes.empty());
    append(data, bytes);
    return {};
  }
  Status on_footer(std::optional<Currency> given) override {
    refund = given;
    ++footers;
    return {};
  }
  bool operator==(const Seen& other) const {
    return header == other.header && data == other.data && footers == other.footers && refund == other.refund;
  }
};

Status read(ByteView bytes, size_t split, Seen& seen) {
  WorkerOutputReader reader(seen);
  OPENPCC_TRY_STATUS(reader.feed(bytes.first(split)));
  OPENPCC_TRY_STATUS(reader.feed(bytes.subspan(split)));
  return reader.finish();
}

void worker_output(ByteView bytes) {
  const size_t split = bytes.empty() ? 0 : bytes[bytes.size() / 2] % bytes.size();
  Seen whole, halves;
  const Status status = read(bytes, bytes.size(), whole);
  const Status in_two = read(bytes, split, halves);
  require(status.has_value() == in_two.has_value() && whole == halves);
  require(status ? whole.footers == 1 : status.error().code == in_two.error().code);
  if (!status) return;
  Bytes again = value_of(encode_output_header(*whole.header));
  append_output_data(again, whole.data);
  append(again, encode_output_footer(whole.refund));
  Seen reread;
  require(read(again, 0, reread).has_value());
  require(reread.data == whole.data && reread.header == whole.header && reread.footers == 1);
}

void hand_off(ByteView bytes) {
  HandOffReader whole, bytewise;
  const Status status = whole.feed(bytes);
  Status each;
  for (size_t i = 0; each && i < bytes.size(); ++i) each = bytewise.feed(bytes.subspan(i, 1));
  require(status.has_value() == each.has_value());
  require(whole.finish().has_value() == bytewise.finish().has_value());
  if (const auto list = whole.finish()) require(*bytewise.finish() == *list);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView bytes(data + 1, size - 1);
  switch (data[0] % 16) {
    case 0:
      if (const auto currency = decode_currency(bytes)) {
        // A first byte of 3 reads as ordinary and is written as 2.
        require(decode_currency(encode(*currency)) == *currency);
      }
      break;
    case 1:
      round_trip(bytes, decode_credit);
      break;
    case 2:
      round_trip(bytes, decode_evidence_piece);
      break;
    case 3:
      round_trip(bytes, decode_evidence_list);
      break;
    case 4:
      round_trip(bytes, decode_pcr_values);
      break;
    case 5:
      round_trip(bytes, decode_tpm_quote);
      break;
    case 6:
      hand_off(bytes);
      break;
    case 7:
      round_trip(bytes, decode_error_body);
      break;
    case 8:
      round_trip(bytes, decode_manifest_request);
      break;
    case 9:
      round_trip(bytes, decode_manifest);
      break;
    case 10:
      round_trip(bytes, decode_manifest_list);
      break;
    case 11:
      round_trip(bytes, decode_request_info);
      break;
    case 12:
      round_trip(bytes, decode_routing_info);
      break;
    case 13:
      round_trip(bytes, decode_node_event);
      break;
    case 14:
      round_trip(bytes, [](ByteView b) { return decode_badge(b); });
      break;
    default:
      worker_output(bytes);
  }
  return 0;
}
