#include "config/units.h"

#include <gtest/gtest.h>

namespace openpcc::config {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, TakesWhatGoTakes) {
  const std::pair<const char*, std::chrono::nanoseconds> rows[] = {
      {"0", 0ns},
      {"5s", 5s},
      {"30s", 30s},
      {"1478s", 1478s},
      {"-5s", -5s},
      {"+5s", 5s},
      {"5.6s", 5600ms},
      {"5.s", 5s},
      {".5s", 500ms},
      {"1.004s", 1004ms},
      {"10ns", 10ns},
      {"11us", 11us},
      {"12\u00b5s", 12us},
      {"12\u03bcs", 12us},
      {"13ms", 13ms},
      {"15m", 15min},
      {"16h", 16h},
      {"3h30m", 3h + 30min},
      {"5m0s", 5min},
      {"250ms", 250ms},
      {"1h15m30.918273645s", 1h + 15min + 30s + 918273645ns},
      {"9223372036854775807ns", std::chrono::nanoseconds(INT64_MAX)},
      {"0.100000000000000000000h", 6min}};
  for (const auto& [text, want] : rows) {
    const auto got = parse_duration(text);
    ASSERT_TRUE(got) << text;
    EXPECT_EQ(*got, want) << text;
  }
}

TEST(ParseDuration, RefusesTheRest) {
  for (const char* text : {"", "3", "-", "s", ".", "-.", ".s", "+.s", "1d", "3000000h", "9223372036854775808ns", "1 s",
                           "1s ", "99999999999999999999999999999999999999999999s", "1e3s"}) {
    const auto got = parse_duration(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, kBadUnit);
  }
}

TEST(ParseInteger, DecimalAndHexadecimal) {
  EXPECT_EQ(parse_integer("0").value(), 0);
  EXPECT_EQ(parse_integer("-12").value(), -12);
  EXPECT_EQ(parse_integer("0x81000001").value(), 0x81000001);
  EXPECT_EQ(parse_integer("9223372036854775807").value(), INT64_MAX);
  EXPECT_EQ(parse_integer("-9223372036854775808").value(), INT64_MIN);
  for (const char* text :
       {"", "-", "0x", "010", "1.5", "9223372036854775808", "-9223372036854775809", "--1", "12 ", "x"}) {
    EXPECT_FALSE(parse_integer(text)) << text;
  }
}

TEST(ParseSize, PowersOf1024) {
  EXPECT_EQ(parse_size("65536").value(), 65536u);
  EXPECT_EQ(parse_size("64K").value(), 65536u);
  EXPECT_EQ(parse_size("1M").value(), 1048576u);
  EXPECT_EQ(parse_size("3G").value(), uint64_t{3} << 30);
  for (const char* text : {"", "K", "-1", "1T", "9223372036854775807K", "1.5M"}) EXPECT_FALSE(parse_size(text)) << text;
}

}  // namespace
}  // namespace openpcc::config
