#include "tpm/tpm_fixture_for_testing.h"

namespace openpcc::tpm {
namespace {

class TpmNvTest : public WithTpm {};

constexpr uint32_t kIndex = 0x01c00020;

TEST_F(TpmNvTest, WritesAndReadsBack) {
  for (const size_t size : {size_t{1}, size_t{72}, size_t{1500}}) {
    Bytes data(size);
    for (size_t i = 0; i < size; ++i) data[i] = static_cast<uint8_t>(i * 7);
    ASSERT_OK(tpm_->nv_undefine(kIndex));
    ASSERT_OK(tpm_->nv_define(kIndex, size));
    ASSERT_OK(tpm_->nv_write(kIndex, data));
    EXPECT_EQ(*tpm_->nv_read(kIndex), data);
    reopen();
    EXPECT_EQ(*tpm_->nv_read(kIndex), data);
  }
  expect_nothing_left();
}

TEST_F(TpmNvTest, Refusals) {
  EXPECT_EQ(tpm_->nv_read(kIndex).error().code, kNotFound);
  EXPECT_EQ(tpm_->nv_write(kIndex, as_bytes("x")).error().code, kNotFound);
  ASSERT_OK(tpm_->nv_undefine(kIndex));
  EXPECT_EQ(tpm_->nv_define(0x81000001, 1).error().code, kBadArgument);
  EXPECT_EQ(tpm_->nv_define(kIndex, 100000).error().code, kBadArgument);
  ASSERT_OK(tpm_->nv_define(kIndex, 4));
  EXPECT_EQ(tpm_->nv_define(kIndex, 4).error().code, kFailed);
  EXPECT_EQ(tpm_->nv_read(kIndex).error().code, kFailed);  // never written
  EXPECT_EQ(tpm_->nv_write(kIndex, as_bytes("five!")).error().code, kFailed);
  ASSERT_OK(tpm_->nv_write(kIndex, as_bytes("four")));
  EXPECT_EQ(as_text(*tpm_->nv_read(kIndex)), "four");
}

}  // namespace
}  // namespace openpcc::tpm
