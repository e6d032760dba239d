#include "base/varint.h"

#include <gtest/gtest.h>

namespace openpcc {
namespace {

// RFC 9000 §A.1.
TEST(Varint, MatchesTheRfcExamples) {
  const struct {
    const char* hex;
    uint64_t value;
  } kExamples[] = {{"c2197c5eff14e88c", 151288809941952652}, {"9d7f3e7d", 494878333}, {"7bbd", 15293}, {"25", 37}};
  for (const auto& example : kExamples) {
    const Bytes bytes = *from_hex(example.hex);
    ByteReader reader(bytes);
    EXPECT_EQ(*read_varint(reader), example.value);
    Bytes out;
    append_varint(out, example.value);
    EXPECT_EQ(to_hex(out), example.hex);
  }
  const Bytes long_form{0x40, 0x25};  // not the shortest form: still read
  EXPECT_EQ(parse_varint(long_form)->value, 37U);
}

TEST(Varint, RoundTripsAtEveryBorderAndNeedsEveryByte) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{63}, uint64_t{64}, uint64_t{16383}, uint64_t{16384},
                               (uint64_t{1} << 30) - 1, uint64_t{1} << 30, kVarintMax}) {
    Bytes bytes;
    append_varint(bytes, value);
    EXPECT_EQ(bytes.size(), varint_size(value));
    EXPECT_EQ(parse_varint(bytes)->value, value);
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_FALSE(parse_varint(ByteView(bytes).first(cut)));
      ByteReader reader(ByteView(bytes).first(cut));
      EXPECT_EQ(read_varint(reader).error().code, kTruncated);
    }
  }
}

}  // namespace
}  // namespace openpcc
