#include "inspect_view.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace openpcc::cli {
namespace {

using inspect::list_part;
using inspect::object_part;
using inspect::Part;
using inspect::value_part;

Part sample() {
  Part root = object_part("", 0, 40);
  root.set(value_part("text", 1, 3, std::string("a\033[2J\u009bb\nc")));
  root.set(value_part("no_utf8", 4, 1, std::string("\xff")));
  root.set(value_part("bytes", 5, 2, Bytes{0xde, 0xad}));
  root.set(value_part("number", 7, 1, int64_t{-5}));
  Part list = list_part("list", 8, 2);
  list.parts.push_back(value_part("", 8, 1, true));
  list.parts.push_back(object_part("", 9, 0));
  root.set(std::move(list));
  return root;
}

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f || c == '\x9b'; });
}

TEST(InspectView, TextHasALineForEachPartWithItsPlace) {
  EXPECT_EQ(to_text(sample(), false),
            "       1  text: \"a?[2J\u0080b c\"\n"
            "       4  no_utf8: hex ff\n"
            "       5  bytes: dead\n"
            "       7  number: -5\n"
            "       8  list:\n"
            "       8    [0]: yes\n"
            "       9    [1]: (empty)\n");
}

TEST(InspectView, JsonHasTheSameAsciiOnly) {
  const std::string json = dump_ascii(to_json(sample()));
  EXPECT_EQ(json,
            R"({"text":"a\u001b[2J\u009bb\nc","no_utf8":{"hex":"ff"},"bytes":"dead","number":-5,"list":[true,{}]})");
}

TEST(InspectView, NothingFromTheWireCommandsATerminal) {
  Part root = object_part("", 0, 0);
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    root.set(value_part("one_" + std::to_string(byte), 0, 0, std::string(1, c)));
    root.set(value_part("two_" + std::to_string(byte), 0, 0, std::string("\xc2") + c));
  }
  EXPECT_FALSE(has_control_characters(to_text(root, true)));
  const std::string json = dump_ascii(to_json(root));
  EXPECT_TRUE(std::ranges::all_of(json, [](char c) { return c >= 0x20 && c < 0x7f; }));
  EXPECT_FALSE(has_control_characters(to_text(inspect::Problem{1, "part", "\033[2J\u009b"})));
}

TEST(InspectView, LongValuesAreCutUnlessAskedFor) {
  Part root = object_part("", 0, 0);
  root.set(value_part("bytes", 0, 0, Bytes(129, 0xab)));
  root.set(value_part("text", 0, 0, std::string(1023, 'x') + "\u00e9" + "tail"));
  const std::string text = to_text(root, false);
  EXPECT_NE(text.find("... (129 bytes)"), std::string::npos);
  EXPECT_NE(text.find("x\"... (1029 bytes)"), std::string::npos) << "cut before the character, not inside";
  EXPECT_NE(to_text(root, true).find("tail"), std::string::npos);
  EXPECT_EQ(to_json(root)["bytes"].get<std::string>().size(), 258U);
}

TEST(InspectView, AProblemSaysByteAndPart) {
  EXPECT_EQ(to_text(inspect::Problem{117, "candidates[0].id", "must be so"}), "byte 117: candidates[0].id: must be so");
  EXPECT_EQ(to_text(inspect::Problem{0, "", "must be so"}), "byte 0: must be so");
}

}  // namespace
}  // namespace openpcc::cli
