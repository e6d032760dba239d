#include "worker/refund.h"

#include <gtest/gtest.h>

namespace openpcc::worker {
namespace {

std::string hex(const Result<wire::Currency>& value) {
  return value ? to_hex(value->bytes()) : "error";
}

TEST(Refund, FollowsStatusAndCounts) {
  const RandomSource zero = [](MutableByteView out) -> Status {
    std::fill(out.begin(), out.end(), uint8_t{0});
    return {};
  };
  const auto refund = [&](int status, std::optional<TokenCounts> counts, int64_t credit) -> std::string {
    const auto value = refund_for(status, counts, credit, zero);
    if (!value) return "error";
    return *value ? to_hex((*value)->bytes()) : "none";
  };
  EXPECT_EQ(refund(200, TokenCounts{0, 0}, 1024), "0070");
  EXPECT_EQ(refund(200, TokenCounts{32, 8}, 1056), hex(wire::Currency::from_amount(1024)));
  EXPECT_EQ(refund(200, TokenCounts{1, 0}, 1024), hex(wire::Currency::from_amount(992))) << "1023.5, rounded down";
  EXPECT_EQ(refund(200, TokenCounts{0, 512}, 1024), "none");
  EXPECT_EQ(refund(200, TokenCounts{0, 600}, 1024), "none");
  EXPECT_EQ(refund(200, std::nullopt, 1024), "none");
  EXPECT_EQ(refund(400, std::nullopt, 1024), "0070");
  EXPECT_EQ(refund(500, TokenCounts{9, 9}, 1024), "0070");
  EXPECT_EQ(refund(404, std::nullopt, 1025), "0070");
  EXPECT_EQ(refund(299, TokenCounts{0, 0}, 1024), "0070");
  EXPECT_EQ(refund(300, TokenCounts{0, 0}, 1024), "none");
  EXPECT_EQ(refund(302, std::nullopt, 1024), "none");
  EXPECT_EQ(refund(399, TokenCounts{0, 0}, 1024), "none");
  EXPECT_EQ(refund(199, TokenCounts{0, 0}, 1024), "none");
  EXPECT_EQ(refund(599, std::nullopt, 1024), "0070");
  EXPECT_EQ(refund(200, TokenCounts{0, 0}, wire::Currency::kMaxAmount), "02ff");
  EXPECT_EQ(refund(400, std::nullopt, wire::Currency::kMaxAmount + 1), "error");
}

TEST(Refund, IsRoundedByChance) {
  const auto refund = [](TokenCounts counts, int64_t credit, uint8_t random_byte) {
    const auto value = refund_for(200, counts, credit, [&](MutableByteView out) -> Status {
      std::fill(out.begin(), out.end(), random_byte);
      return {};
    });
    return value.value().value().amount().value();
  };
  EXPECT_EQ(refund({1, 0}, 1, 0x00), 0) << "half a unit, rounded to nothing, is a refund of 0";
  EXPECT_EQ(refund({1, 0}, 1, 0xff), 1);
  EXPECT_EQ(refund({0, 2}, 1024, 0x00), 992) << "1020, of which the lower neighbour gets 4/32 of the cases";
  EXPECT_EQ(refund({0, 2}, 1024, 0x1f), 992) << "under 4/32";
  EXPECT_EQ(refund({0, 2}, 1024, 0x20), 1024);
  EXPECT_EQ(refund({0, 2}, 1024, 0xff), 1024);
  EXPECT_EQ(refund({4, 15}, 1024, 0xff), 992) << "what is representable is exact";
}

TEST(Refund, NeedsRandomness) {
  const RandomSource broken = [](MutableByteView) -> Status { return fail(kRandomFailed, "none"); };
  EXPECT_FALSE(refund_for(200, TokenCounts{1, 1}, 1024, broken).has_value());
  EXPECT_TRUE(refund_for(400, std::nullopt, 1024, broken).has_value());
}

}  // namespace
}  // namespace openpcc::worker
