#include "base/base64.h"

#include <gtest/gtest.h>

namespace openpcc {
namespace {

// RFC 4648 §10.
TEST(Base64, MatchesTheRfcVectors) {
  const struct {
    const char* plain;
    const char* text;
  } kVectors[] = {{"", ""},
                  {"f", "Zg=="},
                  {"fo", "Zm8="},
                  {"foo", "Zm9v"},
                  {"foob", "Zm9vYg=="},
                  {"fooba", "Zm9vYmE="},
                  {"foobar", "Zm9vYmFy"}};
  for (const auto& vector : kVectors) {
    EXPECT_EQ(to_base64(as_bytes(vector.plain)), vector.text);
    EXPECT_EQ(as_text(*from_base64(vector.text)), vector.plain);
  }
}

TEST(Base64, SkipsLineBreaksAsTheOfficialDecoderDoes) {
  EXPECT_EQ(as_text(*from_base64("Zm9v\r\nYg==\n")), "foob");
}

TEST(Base64, RefusesWhatIsNotPaddedStandardBase64) {
  for (const char* bad :
       {"Z", "Zg", "Zg=", "Zm8", "Z===", "Zg==Zg==", "Zg===", "=", "Zm9v=", "Zm 8=", "Zm-8", "Zm_8", "Z=g="}) {
    SCOPED_TRACE(bad);
    const auto got = from_base64(bad);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, kBadBase64);
  }
}

}  // namespace
}  // namespace openpcc
