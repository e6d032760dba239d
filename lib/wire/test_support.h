// test_support.h - for this folder's tests.
#pragma once

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/uuid.h"

namespace openpcc::wire {

inline Bytes hex(std::string_view text) {
  return *from_hex(text);
}

inline UuidV7 test_id() {
  return *UuidV7::parse("0197d3a1-7c1e-7abc-8def-0123456789ab");
}
inline std::string test_id_hex() {
  return to_hex(as_bytes("0197d3a1-7c1e-7abc-8def-0123456789ab"));
}

// A message that decodes is cut at every length and has every bit flipped: nothing may crash, and what still decodes
// must be written back to something that decodes to the same.
template <typename Decode, typename Encode>
void expect_robust(const Bytes& good, Decode decode, Encode encode) {
  const auto check = [&](ByteView bytes) {
    const Bytes exact(bytes.begin(), bytes.end());
    const auto value = decode(exact);
    if (!value) return;
    const auto again = decode(encode(*value));
    ASSERT_TRUE(again) << to_hex(exact);
    EXPECT_EQ(*again, *value) << to_hex(exact);
  };
  ASSERT_TRUE(decode(good));
  for (size_t size = 0; size <= good.size(); ++size) check(ByteView(good).first(size));
  Bytes flipped = good;
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
    check(flipped);
    flipped[bit / 8] = good[bit / 8];
  }
}

// One row, one fault, one code.
struct Fault {
  const char* name;
  std::string hex;
  ErrorCode code;
};
template <typename Decode>
void expect_faults(const std::vector<Fault>& faults, Decode decode) {
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    const auto value = decode(hex(fault.hex));
    EXPECT_FALSE(value);
    if (value) continue;
    EXPECT_EQ(value.error().code.name, fault.code.name) << value.error().message;
  }
}

}  // namespace openpcc::wire
