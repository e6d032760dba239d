#include "worker/json_text.h"

#include <gtest/gtest.h>

#include "worker/refusal.h"

namespace openpcc::worker {
namespace {

TEST(Refusal, BodyIsEscapedAsGoDoes) {
  EXPECT_EQ(refusal_body({"ErrX", "a<b>&\"\\\n\t\x01", 400}),
            R"({"code":"ErrX","error":"Request Validation Error","message":"a\u003cb\u003e\u0026\"\\\n\t\u0001"})");
  EXPECT_EQ(go_json_string("\xe2\x80\xa8\xe2\x80\xa9\xc3\xa9"), "\"\\u2028\\u2029\xc3\xa9\"");
  EXPECT_EQ(go_json_string("a\xff\xc0\x80\xed\xa0\x80"), "\"a\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(go_json_string("\xf0\x9f\x98\x80\xf0\x9f"), "\"\xf0\x9f\x98\x80\\ufffd\\ufffd\"");
}

std::string repaired(std::string_view document) {
  const WipedBytes out = repair_json(document);
  return {out.begin(), out.end()};
}

// What each becomes was seen from Go's encoding/json.
TEST(RepairJson, PutsTheReplacementWhereGoReadsIt) {
  EXPECT_EQ(repaired("\"a\xff"
                     "b\xe2\x82"
                     "c\""),
            R"("a\ufffdb\ufffd\ufffdc")");
  EXPECT_EQ(repaired(R"("\ud83d!")"), R"("\ufffd!")");
  EXPECT_EQ(repaired(R"("\uD83D\uDE00\ude00\ud83d\ud83d\ude00")"), R"("\uD83D\uDE00\ufffd\ufffd\ud83d\ude00")");
  EXPECT_EQ(repaired(R"("\ud83d\u0041")"), R"("\ufffd\u0041")");
  EXPECT_EQ(repaired("\"\xed\xa0\x80\""), R"("\ufffd\ufffd\ufffd")") << "a surrogate in UTF-8";
}

TEST(RepairJson, LeavesAllElse) {
  for (const std::string text :
       {R"({"a":"\\ud800","b":"\"\n\u00e9"})", "\"\xc3\xa9\xf0\x9f\x98\x80\"", R"("\u12")", R"("\ud8)", "\\", ""}) {
    EXPECT_EQ(repaired(text), text);
  }
}

}  // namespace
}  // namespace openpcc::worker
