#include "config/expand.h"

#include <gtest/gtest.h>

namespace openpcc::config {
namespace {

std::optional<std::string> environment(const std::string& name) {
  if (name == "HOST") return "node-1";
  if (name == "EMPTY") return "";
  if (name == "TRICK") return "${HOST}";
  return std::nullopt;
}

Result<std::string> expand(std::string_view text) {
  return expand_variables(text, environment, 1000);
}

TEST(ExpandVariables, Replaces) {
  const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                      {"plain", "plain"},
                                                      {"a: ${HOST}", "a: node-1"},
                                                      {"a: $HOST:80", "a: node-1:80"},
                                                      {"a: ${HOST:-other}", "a: node-1"},
                                                      {"a: ${NONE:-other}", "a: other"},
                                                      {"a: ${NONE:-http://x:1}", "a: http://x:1"},
                                                      {"a: ${NONE:-}", "a: "},
                                                      {"a: ${EMPTY:-other}", "a: "},  // set to nothing is set
                                                      {"a: ${TRICK}", "a: ${HOST}"},  // not expanded again
                                                      {"cost: 5$ and $", "cost: 5$ and $"},
                                                      {"# note: ${NONE}\na: 1", "# note: ${NONE}\na: 1"},
                                                      {"a: 1\n  # ${NONE} ${HOST}\n", "a: 1\n  # ${NONE} node-1\n"}};
  for (const auto& [text, want] : rows) {
    const auto got = expand(text);
    ASSERT_TRUE(got) << text << ": " << got.error().message;
    EXPECT_EQ(*got, want) << text;
  }
}

TEST(ExpandVariables, NamesEveryMissingVariableAndItsLine) {
  const auto got = expand("a: ${ONE}\nb: ${HOST}\nc: $TWO # ${HOST}");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, kMissingVariable);
  EXPECT_NE(got.error().message.find("ONE (line 1), TWO (line 3)"), std::string::npos) << got.error().message;
}

TEST(ExpandVariables, RefusesBrokenSyntaxAndTooMuchText) {
  for (const char* text : {"a: ${HOST", "a: ${}", "a: ${:-x}", "a: ${A B}", "a: ${a-b}"}) {
    const auto got = expand(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, kBadVariable) << text;
  }
  EXPECT_EQ(expand(std::string(1001, 'a')).error().code, kBadVariable);
}

}  // namespace
}  // namespace openpcc::config
