// faults_for_testing.h - the faults every parser of this folder must survive, applied to one good structure.
#pragma once

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace openpcc::tpmwire {

// `parse_and_marshal`: bytes to Result<Bytes>. The good bytes must come back; cut at every length, doubled, or followed
// by a byte they must be refused; with one bit flipped they are refused or come back as they are.
template <typename Function>
void expect_strict(const Bytes& good, Function parse_and_marshal) {
  const Result<Bytes> whole = parse_and_marshal(good);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(*whole, good);
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse_and_marshal(ByteView(good).first(size))) << "cut to " << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(parse_and_marshal(longer));
  EXPECT_FALSE(parse_and_marshal(concat({good, good})));
  EXPECT_FALSE(parse_and_marshal(concat({good, Bytes(2000)})));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes flipped = good;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
    if (const Result<Bytes> got = parse_and_marshal(flipped)) {
      EXPECT_EQ(*got, flipped) << "bit " << bit;
    }
  }
}

}  // namespace openpcc::tpmwire
