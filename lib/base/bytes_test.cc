#include "base/bytes.h"

#include <gtest/gtest.h>

#include "base/byte_io.h"
#include "base/random.h"

namespace openpcc {
namespace {

TEST(Hex, RoundTripsEveryByte) {
  Bytes all(256);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint8_t>(i);
  const auto back = from_hex(to_hex(all));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, all);
  EXPECT_EQ(*from_hex("aAfF"), (Bytes{0xaa, 0xff}));
}

TEST(Hex, RefusesOddLengthAndForeignCharacters) {
  for (const char* bad : {"a", "abc", "0g", "g0", "0x", " 0", "0 "}) {
    SCOPED_TRACE(bad);
    const auto got = from_hex(bad);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, kBadHex);
  }
}

TEST(EqualConstantTime, ComparesContentAndLength) {
  EXPECT_TRUE(equal_constant_time({}, {}));
  EXPECT_TRUE(equal_constant_time(Bytes{1, 2}, Bytes{1, 2}));
  EXPECT_FALSE(equal_constant_time(Bytes{1, 2}, Bytes{1, 3}));
  EXPECT_FALSE(equal_constant_time(Bytes{1, 2}, Bytes{1, 2, 0}));
}

TEST(ByteReader, ReadsBigEndianAndStopsAtTheEnd) {
  Bytes bytes{0x01};
  append_u16(bytes, 0x0203);
  append_u32(bytes, 0x04050607);
  append_u64(bytes, 0x08090a0b0c0d0e0f);
  ByteReader reader(bytes);
  EXPECT_EQ(*reader.u8(), 0x01);
  EXPECT_EQ(*reader.u16(), 0x0203);
  EXPECT_EQ(*reader.u32(), 0x04050607U);
  EXPECT_EQ(*reader.u64(), 0x08090a0b0c0d0e0fU);
  EXPECT_TRUE(reader.expect_end("x"));
  EXPECT_EQ(reader.u8().error().code, kTruncated);
}

TEST(ByteReader, FailedReadConsumesNothing) {
  const Bytes bytes{1, 2, 3};
  ByteReader reader(bytes);
  EXPECT_FALSE(reader.u32());
  EXPECT_EQ(reader.position(), 0U);
  EXPECT_EQ(reader.expect_end("x").error().code, kTrailing);
  EXPECT_FALSE(reader.take(SIZE_MAX));
  EXPECT_EQ(reader.take(3)->size(), 3U);
}

TEST(Random, FillsAndDiffers) {
  Bytes a(1000), b(1000);
  ASSERT_TRUE(system_random(a));
  ASSERT_TRUE(system_random(b));
  EXPECT_NE(a, b);
}

TEST(Random, FixedSourceHandsOutInOrderAndThenFails) {
  const auto random = fixed_random_for_testing({1, 2, 3});
  Bytes two(2);
  ASSERT_TRUE(random(two));
  EXPECT_EQ(two, (Bytes{1, 2}));
  EXPECT_EQ(random(two).error().code, kRandomFailed);
}

}  // namespace
}  // namespace openpcc
