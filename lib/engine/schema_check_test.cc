#include "engine/schema_check.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace openpcc::engine {
namespace {

using Json = nlohmann::ordered_json;

std::string fault(const std::string& schema, bool strict = false) {
  return SchemaCheck().check(Json::parse(schema), strict).value_or("");
}

// {"properties":{"a":{...}}}, so many levels of it.
std::string nested(size_t levels, const std::string& inner = "{}") {
  std::string out = inner;
  for (size_t i = 1; i < levels; ++i) {
    out = R"({"properties":{"a":)" + out + "}}";
  }
  return out;
}

std::string properties(size_t count, const std::string& inner = "{}") {
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    out += (i == 0 ? "\"p" : ",\"p") + std::to_string(i) + "\":" + inner;
  }
  return R"({"properties":{)" + out + "}}";
}

TEST(SchemaCheck, TakesOrdinarySchemas) {
  for (
      const char* schema :
      {"{}", R"({"type":"object"})", R"({"type":["string","null"],"maxLength":20})",
       R"({"type":"object","properties":{"format":{"type":"string"},"pattern":{"type":"integer"},"not":{"enum":[1]}},"required":["format"],"additionalProperties":false})",
       R"({"$defs":{"t":{"type":"object","properties":{"next":{"$ref":"#/$defs/t"}}}},"type":"array","items":{"anyOf":[{"$ref":"#/$defs/t"},{"type":"null"}]}})",
       R"({"type":"string","pattern":"^[a-z]{2,4}(-[0-9]{1,3})?$"})", R"({"type":"integer","minimum":-5,"maximum":5})",
       R"({"type":"string","format":"date-time"})", R"({"const":{"pattern":{"deep":[1]}}})",
       R"({"type":"string","enum":["a","b"]})", R"({"type":["string","null"],"enum":["a",null]})",
       R"({"type":"integer","enum":[1,2.0]})", R"({"type":"number","const":1})",
       R"({"type":"array","items":{},"minItems":1,"maxItems":2})", R"({"minLength":2,"maxLength":3})",
       R"({"properties":{"a":{}},"required":["a"]})"}) {
    EXPECT_EQ(fault(schema, false), "") << schema;
    EXPECT_EQ(fault(schema, true), "") << schema;
  }
}

TEST(SchemaCheck, HasItsLimits) {
  EXPECT_EQ(fault(nested(kMaxSchemaDepth)), "");
  EXPECT_NE(fault(nested(kMaxSchemaDepth + 1)), "");
  EXPECT_EQ(fault(properties(kMaxObjectProperties)), "");
  EXPECT_NE(fault(properties(kMaxObjectProperties + 1)), "");
  EXPECT_NE(fault(R"({"anyOf":[)" + properties(205) + "," + properties(205) + "," + properties(205) + "," +
                  properties(205) + "," + properties(205) + "]}"),
            "");
  EXPECT_EQ(fault(R"({"properties":{")" + std::string(kMaxSchemaNameBytes, '*') + R"(":{}}})"), "");
  EXPECT_NE(fault(R"({"properties":{")" + std::string(kMaxSchemaNameBytes + 1, '*') + R"(":{}}})"), "");
  EXPECT_EQ(fault(properties(9, R"({"type":"string","maxLength":2000})")), "");
  EXPECT_NE(fault(properties(11, R"({"type":"string","maxLength":2000})")), "");
  EXPECT_EQ(fault(R"({"maxLength":1000000})"), "");  // any length, to libllama
  EXPECT_NE(fault(R"({"maxLength":1000000})", true), "");
  EXPECT_EQ(fault(R"({"$defs":{"a":{}},"anyOf":[)" +
                  [] {
                    std::string refs = R"({"$ref":"#/$defs/a"})";
                    for (size_t i = 1; i < kMaxSchemaRefs; ++i) refs += R"(,{"$ref":"#/$defs/a"})";
                    return refs;
                  }() +
                  "]}"),
            "");
}

TEST(SchemaCheck, SeesWhatGrowsWithoutEnd) {
  // A list of types inside a list of types: each is copied for each.
  std::string types = "{}";
  for (int i = 0; i < 10; ++i) {
    types = R"({"type":["object","object","object"],"properties":{"a":)" + types + "}}";
  }
  EXPECT_NE(fault(types), "");
  // References that double at each step.
  std::string defs;
  for (int i = 0; i < 40; ++i) {
    const std::string next = R"({"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"}";
    defs += "\"d" + std::to_string(i) + R"(":{"anyOf":[)" + next + "," + next + "]},";
  }
  EXPECT_NE(fault(R"({"$defs":{)" + defs + R"("d40":{}},"$ref":"#/$defs/d0"})"), "");
  EXPECT_NE(fault(R"({"$defs":{"a":{"$ref":"#/$defs/a"}},"allOf":[{"$ref":"#/$defs/a"}]})"), "");
  EXPECT_NE(fault(R"({"$defs":{"a":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"})"), "");
  EXPECT_NE(fault(R"({"$ref":"#/$defs/none"})"), "");
  EXPECT_NE(fault(R"({"$ref":"elsewhere"})"), "");
  EXPECT_NE(fault(R"({"$ref":5})"), "");
  EXPECT_NE(fault(R"({"enum":[{"a":1}],"items":{"$ref":"#/enum/0"}})"), "");  // data, no schema
}

TEST(SchemaCheck, RefusesCountsThatAreNone) {
  for (const char* schema :
       {R"({"minLength":3,"maxLength":2})", R"({"minItems":3,"maxItems":2})", R"({"minLength":2001})",
        R"({"maxItems":-1})", R"({"maxItems":1.5})", R"({"maxItems":4294967296})", R"({"maxItems":"5"})",
        R"({"minimum":1e300})", R"({"maximum":"x"})", R"({"minimum":5,"maximum":4})",
        R"({"pattern":"^(((a{0,100}){0,100}){0,100})$"})", R"({"pattern":"^a{99999999999999999999}$"})"}) {
    EXPECT_NE(fault(schema), "") << schema;
  }
  EXPECT_NE(fault(R"({"pattern":")" + std::string(kMaxPatternBytes + 1, 'a') + "\"}"), "");
}

TEST(SchemaCheck, RefusesByNameWhatCannotBeEnforcedStrictly) {
  const std::pair<const char*, const char*> rows[] = {
      {R"({"not":{}})", "'not'"},
      {R"({"type":"object","properties":{"a":{"multipleOf":2}}})", "'multipleOf'"},
      {R"({"allOf":[{}]})", "'allOf'"},
      {R"({"type":"array","uniqueItems":true})", "'uniqueItems'"},
      {R"({"type":"number","minimum":1})", "bounds"},
      {R"({"type":"integer","minimum":1,"exclusiveMinimum":3})", "bounds"},
      {R"({"type":"string","format":"email"})", "'format'"},
      {R"({"anyOf":[{}],"properties":{}})", "'anyOf'"},
      {R"({"$defs":{"a":{}},"$ref":"#/$defs/a","type":"object"})", "'$ref'"},
      {R"({"type":"object","required":["a"]})", "requires"},
      {R"({"type":"string","pattern":"^a*$","maxLength":3})", "'pattern'"},
      {R"({"type":"string","pattern":"^a*$","format":"date"})", "'pattern'"},
      {R"({"type":"string","format":"date","maxLength":3})", "'format'"},
      {R"({"prefixItems":[{"type":"string"}],"items":{"type":"boolean"}})", "'prefixItems'"},
      {R"({"type":"array","prefixItems":[{}],"minItems":2})", "'minItems'"},
      {R"({"type":"array","items":[{}],"maxItems":2})", "'maxItems'"},
      {R"({"type":"string","enum":["a",5]})", "'enum'"},
      {R"({"type":"integer","const":"a"})", "'const'"},
      {R"({"type":["string","null"],"enum":["a",5]})", "'enum'"},
      {R"({"const":1,"enum":[1,2]})", "beside"},
      {R"({"type":"string","enum":["a","bc"],"maxLength":1})", "'enum'"},
      {R"({"type":"integer","const":5,"minimum":6})", "'const'"},
      {R"({"type":"object","properties":{"a":{}},"required":"a"})", "'required'"},
      {R"({"$dynamicRef":"#a"})", "'$dynamicRef'"},
      {R"({"$recursiveRef":"#"})", "'$recursiveRef'"},
      {R"({"items":{},"minLength":3})", "'type'"},
      {R"({"minItems":3})", "'type'"},
  };
  for (const auto& [schema, named] : rows) {
    EXPECT_NE(fault(schema, true).find(named), std::string::npos) << schema << ": " << fault(schema, true);
    EXPECT_EQ(fault(schema, false), "") << schema;
  }
}

TEST(SchemaCheck, RefusesBoundsThatNoIntegerKeeps) {
  for (const char* none :
       {R"({"type":"integer","exclusiveMinimum":5,"exclusiveMaximum":6})",
        R"({"type":"integer","minimum":5,"exclusiveMaximum":5})", R"({"type":"integer","minimum":5.2,"maximum":5.8})",
        R"({"type":["null","integer"],"exclusiveMinimum":5,"maximum":5})",
        R"({"type":"integer","minimum":9007199254740992})"}) {
    EXPECT_NE(fault(none, false), "") << none;
  }
  for (const char* some : {R"({"type":"integer","exclusiveMinimum":5,"exclusiveMaximum":7})",
                           R"({"type":"integer","minimum":-9007199254740991,"maximum":9007199254740991})",
                           R"({"type":"number","exclusiveMinimum":5,"exclusiveMaximum":6})"}) {
    EXPECT_EQ(fault(some, false), "") << some;
  }
}

TEST(SchemaCheck, CountsOverAllItIsAskedFor) {
  SchemaCheck check;
  const Json large = Json::parse(properties(200));
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(check.check(large, false));
  }
  EXPECT_TRUE(check.check(large, false));
}

TEST(PatternRepetitions, MultiplyWhereTheyAreNested) {
  EXPECT_EQ(pattern_repetitions("abc"), 3U);
  EXPECT_EQ(pattern_repetitions("a{10}"), 10U);
  EXPECT_EQ(pattern_repetitions("(ab){10}"), 20U);
  EXPECT_EQ(pattern_repetitions("((a{1,10}){5}){2}"), 100U);
  EXPECT_EQ(pattern_repetitions("[a{9}]b"), 2U);
  EXPECT_EQ(pattern_repetitions("\\{9}"), 3U);  // an escaped brace repeats nothing
  EXPECT_EQ(pattern_repetitions(std::string(100, '(')), 0U);
  for (const char* empty : {"(a?)*", "(a*)+", "((a?){0,30}b?){0,30}", "(a|)*", "(a|b?)*", "(a{0,3}){2}", "()*"}) {
    EXPECT_EQ(pattern_repetitions(empty), kMaxRepetitions) << empty;
  }
  for (const char* fine : {"(-[a-z]+)*", "(a|b)+", "((a?)?)?", "(ab?)*", "(a?b)*", "a*", "(a*b|c){3}"}) {
    EXPECT_LT(pattern_repetitions(fine), 30U) << fine;
  }
  EXPECT_GT(pattern_repetitions(std::string(90, '(') + "a" +
                                [] {
                                  std::string out;
                                  for (int i = 0; i < 90; ++i) out += ")*";
                                  return out;
                                }()),
            kMaxRepetition);
}

}  // namespace
}  // namespace openpcc::engine
