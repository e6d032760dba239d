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
  EXPECT_EQ(refund(302, std::nullopt, 1024), "error");
  EXPECT_EQ(refund(199, std::nullopt, 1024), "error");
}

TEST(Refund, NeedsRandomness) {
  const RandomSource broken = [](MutableByteView) -> Status { return fail(kRandomFailed, "none"); };
  EXPECT_FALSE(refund_for(200, TokenCounts{1, 1}, 1024, broken).has_value());
  EXPECT_TRUE(refund_for(400, std::nullopt, 1024, broken).has_value());
}

}  // namespace
}  // namespace openpcc::worker
