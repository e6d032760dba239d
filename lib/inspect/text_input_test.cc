#include "inspect/text_input.h"

#include <gtest/gtest.h>

namespace openpcc::inspect {
namespace {

Result<Decoded> decode(std::string_view text, Encoding encoding = Encoding::kAuto) {
  return decode_text(as_bytes(text), encoding);
}

TEST(TextInput, FindsOutHowTheBytesAreWritten) {
  struct Case {
    std::string_view text;
    Encoding encoding;
    const char* hex;
  };
  const Case cases[] = {
      {"0a02 0070\n", Encoding::kHex, "0a020070"},
      {"0A020070", Encoding::kHex, "0a020070"},
      {"CgIAcA==\r\n", Encoding::kBase64, "0a020070"},
      {"CgIA\ncA==", Encoding::kBase64, "0a020070"},
      {"CgIAcA=", Encoding::kRaw, "436749416341 3d"},
      {"0a0", Encoding::kRaw, "306130"},
      {"hello, world", Encoding::kRaw, "68656c6c6f2c20776f726c64"},
      // A protobuf message of 43 letters behind 0a 2b, which is "\n+": blanks in front are not skipped.
      {"\n+abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq", Encoding::kRaw, nullptr},
      {"", Encoding::kRaw, ""},
      {"\n", Encoding::kRaw, "0a"},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.text);
    const auto got = decode(test.text);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->encoding, test.encoding);
    std::string hex = test.hex == nullptr ? to_hex(as_bytes(test.text)) : test.hex;
    std::erase(hex, ' ');
    EXPECT_EQ(to_hex(got->bytes), hex);
  }
}

TEST(TextInput, TakesWhatItIsTold) {
  EXPECT_EQ(as_text(decode("0a02", Encoding::kRaw)->bytes), "0a02");
  EXPECT_EQ(to_hex(decode("0a02", Encoding::kBase64)->bytes), "d1ad36");
  EXPECT_EQ(to_hex(decode(" 0a02 ", Encoding::kHex)->bytes), "0a02");
}

TEST(TextInput, SaysWhichCharacterIsWrong) {
  EXPECT_NE(decode("0a0g", Encoding::kHex).error().message.find("character 3"), std::string::npos);
  EXPECT_EQ(decode("0a0", Encoding::kHex).error().code, kBadText);
  EXPECT_EQ(decode("Cg", Encoding::kBase64).error().code, kBadText);
  EXPECT_NE(decode("CgI*", Encoding::kBase64).error().message.find("position 3"), std::string::npos);
}

}  // namespace
}  // namespace openpcc::inspect
