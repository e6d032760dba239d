#include "base/uuid.h"

#include <gtest/gtest.h>

namespace openpcc {
namespace {

TEST(UuidV7, HasTimeVersionAndVariantInPlace) {
  const auto uuid = UuidV7::generate(0x0123456789ab, fixed_random_for_testing(Bytes(10, 0xff)));
  ASSERT_TRUE(uuid);
  EXPECT_EQ(uuid->to_string(), "01234567-89ab-7fff-bfff-ffffffffffff");
  EXPECT_EQ(*UuidV7::parse(uuid->to_string()), *uuid);
  EXPECT_EQ(UuidV7::parse("01234567-89AB-7FFF-BFFF-FFFFFFFFFFFF")->to_string(), uuid->to_string());
}

TEST(UuidV7, RefusesOtherVersionsAndForms) {
  for (const char* bad : {"", "01234567-89ab-4fff-bfff-ffffffffffff", "0123456789ab7fffbfffffffffffffff",
                          "{01234567-89ab-7fff-bfff-ffffffffffff}", "01234567-89ab-7fff-bfff-fffffffffff",
                          "01234567-89ab-7fff-bfff-fffffffffffff", "01234567x89ab-7fff-bfff-ffffffffffff",
                          "0123456g-89ab-7fff-bfff-ffffffffffff"}) {
    SCOPED_TRACE(bad);
    const auto got = UuidV7::parse(bad);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, kBadUuid);
  }
}

TEST(UuidV7, FailsWithoutRandomness) {
  EXPECT_EQ(UuidV7::generate(1, fixed_random_for_testing({})).error().code, kRandomFailed);
}

}  // namespace
}  // namespace openpcc
