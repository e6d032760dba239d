#include "wire/worker_output.h"

#include "wire/test_support.h"

namespace openpcc::wire {
namespace {

struct Seen : WorkerOutputReader::Handler {
  std::vector<OutputHeader> headers;
  Bytes data;
  std::vector<std::optional<Currency>> footers;

  Status on_header(OutputHeader header) override {
    headers.push_back(std::move(header));
    return {};
  }
  Status on_data(ByteView bytes) override {
    EXPECT_FALSE(bytes.empty());
    EXPECT_EQ(headers.size(), 1U);
    append(data, bytes);
    return {};
  }
  Status on_footer(std::optional<Currency> refund) override {
    footers.push_back(refund);
    return {};
  }
};

struct Outcome {
  Seen seen;
  Status status;
};

Outcome read(ByteView bytes, size_t piece = SIZE_MAX) {
  Outcome outcome;
  WorkerOutputReader reader(outcome.seen);
  while (outcome.status && !bytes.empty()) {
    const size_t count = std::min(piece, bytes.size());
    outcome.status = reader.feed(bytes.first(count));
    bytes = bytes.subspan(count);
  }
  if (outcome.status) outcome.status = reader.finish();
  return outcome;
}

const OutputHeader kHeader{"application/confsec-chunked-res", 532};
const std::string kHeaderHex = "240a1f" + to_hex(as_bytes("application/confsec-chunked-res")) + "109404";

TEST(WorkerOutput, OfficialBytes) {
  EXPECT_EQ(to_hex(*encode_output_header(kHeader)), kHeaderHex);
  EXPECT_EQ(to_hex(*encode_output_header({"application/confsec-res", 0})),
            "1b0a17" + to_hex(as_bytes("application/confsec-res")) + "1000");
  EXPECT_EQ(to_hex(encode_output_footer(*Currency::from_amount(1024))), "000612040a020070");
  EXPECT_EQ(to_hex(encode_output_footer(std::nullopt)), "0000");
}

TEST(WorkerOutput, RoundTripsInAnyPieces) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{63}, size_t{64}, limits::kWorkerFrame, limits::kWorkerFrame + 1, size_t{100000}}) {
    Bytes body(size);
    for (size_t i = 0; i < size; ++i) body[i] = static_cast<uint8_t>(i * 7);
    Bytes bytes = *encode_output_header(kHeader);
    append_output_data(bytes, body);
    append(bytes, encode_output_footer(*Currency::from_amount(1024)));
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{4096}, bytes.size()}) {
      const Outcome outcome = read(bytes, piece);
      ASSERT_TRUE(outcome.status) << outcome.status.error().message;
      EXPECT_EQ(outcome.seen.headers, std::vector<OutputHeader>{kHeader});
      EXPECT_EQ(outcome.seen.data, body);
      EXPECT_EQ(outcome.seen.footers, std::vector<std::optional<Currency>>{*Currency::from_amount(1024)});
    }
  }
}

TEST(WorkerOutput, EveryCutIsTruncated) {
  Bytes bytes = *encode_output_header(kHeader);
  append_output_data(bytes, Bytes(100, 1));
  append_output_data(bytes, Bytes(5, 2));
  append(bytes, encode_output_footer(*Currency::from_amount(1024)));
  ASSERT_TRUE(read(bytes).status);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const Outcome outcome = read(ByteView(bytes).first(size));
    ASSERT_FALSE(outcome.status) << size;
    EXPECT_EQ(outcome.status.error().code, kTruncated) << size;
    EXPECT_TRUE(outcome.seen.footers.empty());
  }
}

TEST(WorkerOutput, HeaderSeenTellsWhetherAnAnswerHasBegun) {
  Seen seen;
  WorkerOutputReader reader(seen);
  const Bytes header = hex(kHeaderHex);
  ASSERT_TRUE(reader.feed(ByteView(header).first(header.size() - 1)));
  EXPECT_FALSE(reader.header_seen());
  ASSERT_TRUE(reader.feed(ByteView(header).last(1)));
  EXPECT_TRUE(reader.header_seen());
}

TEST(WorkerOutput, RefusesWhatBreaksARule) {
  const std::vector<Fault> faults{{"empty header", "00", kInvalid},
                                  {"header without a media type", "021000", kInvalid},
                                  {"header with a negative length", "0e0a016110ffffffffffffffffff01", kInvalid},
                                  {"media type that is no text", "030a01ff", kMalformed},
                                  {"header that is none", "02ffff", kMalformed},
                                  {"header of 32769 bytes", "80008001", kTooLarge},
                                  {"data frame of 32769 bytes", kHeaderHex + "80008001", kTooLarge},
                                  {"data frame of eight bytes' length", kHeaderHex + "ffffffffffffffff", kTooLarge},
                                  {"footer of 32769 bytes", kHeaderHex + "0080008001", kTooLarge},
                                  {"footer that is none", kHeaderHex + "0001ff", kMalformed},
                                  {"refund without a value", kHeaderHex + "00021200", kInvalid},
                                  {"refund with unknown bits", kHeaderHex + "000612040a020470", kInvalid},
                                  {"bytes after the footer", kHeaderHex + "000000", kMalformed}};
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    const Bytes bytes = hex(fault.hex);
    for (const size_t piece : {SIZE_MAX, size_t{1}}) {
      const Outcome outcome = read(bytes, piece);
      ASSERT_FALSE(outcome.status);
      EXPECT_EQ(outcome.status.error().code.name, fault.code.name) << outcome.status.error().message;
    }
  }
  EXPECT_EQ(encode_output_header({"", 0}).error().code, kUnencodable);
  EXPECT_EQ(encode_output_header({"a", -1}).error().code, kUnencodable);
  EXPECT_EQ(encode_output_header({"\xff", 0}).error().code, kUnencodable);
  EXPECT_EQ(encode_output_header({std::string(40000, 'a'), 0}).error().code, kUnencodable);
}

TEST(WorkerOutput, IsDeadAfterTheFirstError) {
  Seen seen;
  WorkerOutputReader reader(seen);
  EXPECT_EQ(reader.feed(hex("00")).error().code, kInvalid);
  EXPECT_EQ(reader.feed(hex(kHeaderHex)).error().code, kInvalid);
  EXPECT_EQ(reader.finish().error().code, kInvalid);
  EXPECT_TRUE(seen.headers.empty());
}

}  // namespace
}  // namespace openpcc::wire
