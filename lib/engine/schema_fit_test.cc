#include "engine/schema_fit.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/pattern_fit.h"

namespace openpcc::engine {
namespace {

using nlohmann::ordered_json;

std::string fitting(const std::string& text, bool strict = true) {
  ordered_json schema = ordered_json::parse(text);
  const auto fault = fit_schema(schema, strict);
  return fault ? "refused" : schema.dump();
}

TEST(SchemaFit, LeavesAloneWhatTheConverterCanDo) {
  for (const char* same :
       {R"({"type":"string","pattern":"^[A-Z]{2}[0-9]+$"})", R"({"type":"integer","minimum":1,"maximum":9})",
        R"({"type":"integer"})", R"({"type":"number","minimum":1})",
        R"({"type":"object","properties":{},"additionalProperties":true})",
        R"({"type":"object","additionalProperties":{"type":"integer"}})", R"({"const":{"pattern":".","minimum":1}})",
        R"({"type":"object","properties":{"pattern":{"type":"string"},"minimum":{"type":"null"}}})"}) {
    EXPECT_EQ(fitting(same), same);
  }
}

TEST(SchemaFit, BoundsIntegersOnBothSides) {
  EXPECT_EQ(fitting(R"({"type":"integer","minimum":105})"),
            R"({"type":"integer","minimum":105,"maximum":9007199254740991})");
  EXPECT_EQ(fitting(R"({"type":"integer","exclusiveMaximum":-5})", false),
            R"({"type":"integer","exclusiveMaximum":-5,"minimum":-9007199254740991})");
}

TEST(SchemaFit, ReachesEverySchemaInside) {
  const std::string inner = R"({"type":"integer","minimum":5})";
  for (const std::string around : {R"({"properties":{"a":@}})", R"({"$defs":{"a":@}})", R"({"definitions":{"a":@}})",
                                   R"({"items":@})", R"({"items":[@]})", R"({"prefixItems":[@]})", R"({"anyOf":[@]})",
                                   R"({"oneOf":[@]})", R"({"allOf":[@]})", R"({"additionalProperties":@})"}) {
    const std::string schema = std::string(around).replace(around.find('@'), 1, inner);
    EXPECT_NE(fitting(schema).find("9007199254740991"), std::string::npos) << schema;
  }
}

TEST(SchemaFit, PatternsThatCannotFitAreLeftOutOrRefused) {
  // No grammar for them, or nothing of them can stand in a JSON string by itself.
  for (const char* pattern : {"\\d+", "^\\d+$", "no anchors", "^(?=a)b$", "^a+?$", "^a^b$", "^[\"]$", "^[\\n\\t]$",
                              "^a{,3}$", "^a{3,1}$", "^a{x}$", "^a]$", "^[\\d]$", "^(?<n>a)$", "^", "", "^a**$"}) {
    const std::string schema = ordered_json{{"type", "string"}, {"pattern", pattern}}.dump();
    EXPECT_EQ(fitting(schema), "refused") << pattern;
    EXPECT_EQ(fitting(schema, false), R"({"type":"string"})") << pattern;
  }
  for (const char* pattern : {"^(a$", "^a)$", "^[a$", "^*a$", "^(+)$", "^a|*$", "^a\\$"}) {
    const std::string schema = ordered_json{{"type", "string"}, {"pattern", pattern}}.dump();
    EXPECT_EQ(fitting(schema), "refused") << pattern;
    EXPECT_EQ(fitting(schema, false), "refused") << pattern << " is no regular expression";
  }
}

TEST(PatternFit, KeepsWhatJsonEscapesOutOfTheText) {
  const std::pair<const char*, const char*> rows[] = {
      {"^a.$", R"(^a[^"\\\x7F\x00-\x1F]$)"},
      {"^[^@-]$", R"(^[^"\\\x7F\x00-\x1F@-]$)"},
      {"^[!-#]$", R"(^[\U00000021-\U00000021\U00000023-\U00000023]$)"},
      {"^\"\\\\\n$", R"(^\\"\\\\\\n$)"},
      {"^a\\.*$", R"(^a(\.)*$)"},
      {"^(?:a){2}$", R"(^(a){2}$)"},
  };
  for (const auto& [pattern, want] : rows) {
    const auto got = fit_pattern(pattern);
    ASSERT_TRUE(got) << pattern;
    EXPECT_EQ(*got, want);
  }
}

}  // namespace
}  // namespace openpcc::engine
