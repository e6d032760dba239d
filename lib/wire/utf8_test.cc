#include "wire/utf8.h"

#include <gtest/gtest.h>

namespace openpcc::wire {
namespace {

TEST(Utf8, TakesEveryLengthOfSequence) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f"));
  EXPECT_TRUE(is_utf8("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"));
}

TEST(Utf8, RefusesWhatIsNone) {
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xc3(", "\xf0\x9f\x98("}) {
    EXPECT_FALSE(is_utf8(bad));
    EXPECT_TRUE(is_utf8(to_utf8(bad)));
  }
}

TEST(Utf8, ReplacesBadBytesOnly) {
  EXPECT_EQ(to_utf8("a\xff\xc3\xa9\xe2\x82z"), "a?\xc3\xa9??z");
  EXPECT_EQ(to_utf8("plain"), "plain");
}

}  // namespace
}  // namespace openpcc::wire
