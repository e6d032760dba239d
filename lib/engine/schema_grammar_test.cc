// What the grammar of a schema lets through, held against the schema: with a vocabulary and no weights.
#include "engine/schema_grammar.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "common.h"
#include "engine/pattern_fit.h"
#include "engine/schema_check.h"
#include "engine/schema_fit.h"
#include "engine/testing/vocabulary.h"

namespace openpcc::engine {
namespace {

using nlohmann::ordered_json;

// How the engine gets from a schema to its grammar; nothing where it refuses.
std::optional<std::string> grammar_of(const std::string& text, bool strict) {
  ordered_json schema = ordered_json::parse(text);
  if (SchemaCheck().check(schema, strict) || fit_schema(schema, strict)) {
    return std::nullopt;
  }
  return schema_grammar(schema.dump());
}

bool passes(const std::string& schema, const std::string& text, bool strict = true) {
  const auto grammar = grammar_of(schema, strict);
  const llama_vocab* vocab = llama_model_get_vocab(vocabulary());
  llama_sampler* sampler = grammar ? llama_sampler_init_grammar(vocab, grammar->c_str(), "root") : nullptr;
  if (sampler == nullptr) {
    ADD_FAILURE() << "no grammar for " << schema;
    return false;
  }
  std::vector<llama_token> tokens = common_tokenize(vocab, text, false, false);
  tokens.push_back(llama_vocab_eos(vocab));
  bool passed = true;
  for (size_t i = 0; passed && i < tokens.size(); ++i) {
    llama_token_data one{tokens[i], 1, 0};
    llama_token_data_array only{&one, 1, -1, false};
    llama_sampler_apply(sampler, &only);
    passed = one.logit > -INFINITY;
    if (passed && i + 1 < tokens.size()) {
      llama_sampler_accept(sampler, tokens[i]);
    }
  }
  llama_sampler_free(sampler);
  return passed;
}

TEST(SchemaGrammar, KeepsIntegersWithinTheirBounds) {
  const int64_t most = 9007199254740991;
  const struct {
    const char* bounds;
    int64_t low;
    int64_t high;
  } rows[] = {
      {R"("minimum":105)", 105, most},
      {R"("minimum":9)", 9, most},
      {R"("minimum":99)", 99, most},
      {R"("minimum":0)", 0, most},
      {R"("minimum":-7)", -7, most},
      {R"("minimum":-105)", -105, most},
      {R"("maximum":-5)", -most, -5},
      {R"("maximum":-105)", -most, -105},
      {R"("maximum":0)", -most, 0},
      {R"("maximum":12)", -most, 12},
      {R"("exclusiveMinimum":104)", 105, most},
      {R"("exclusiveMaximum":-4)", -most, -5},
      {R"("minimum":3,"maximum":120)", 3, 120},
      {R"("minimum":104.5)", 105, most},
      {R"("minimum":-12,"maximum":-3)", -12, -3},
  };
  for (const auto& row : rows) {
    const std::string schema = R"({"type":"integer",)" + std::string(row.bounds) + "}";
    for (const bool strict : {true, false}) {
      for (const int64_t value :
           {-most,        int64_t{-1000}, int64_t{-106}, int64_t{-105}, int64_t{-104},    int64_t{-100}, int64_t{-13},
            int64_t{-12}, int64_t{-8},    int64_t{-7},   int64_t{-5},   int64_t{-4},      int64_t{-3},   int64_t{-1},
            int64_t{0},   int64_t{1},     int64_t{3},    int64_t{8},    int64_t{9},       int64_t{10},   int64_t{11},
            int64_t{12},  int64_t{13},    int64_t{15},   int64_t{98},   int64_t{99},      int64_t{100},  int64_t{104},
            int64_t{105}, int64_t{106},   int64_t{120},  int64_t{121},  int64_t{1000000}, most}) {
        EXPECT_EQ(passes(schema, std::to_string(value), strict), value >= row.low && value <= row.high)
            << schema << " " << value;
      }
    }
    for (const char* text : {"-01", "01", "00", "-", "", "+1", "1.0", "1e1"}) {
      EXPECT_FALSE(passes(schema, text)) << schema << " " << text;
    }
  }
  EXPECT_TRUE(passes(R"({"type":["integer","null"],"minimum":105})", "null", false));
  EXPECT_FALSE(passes(R"({"type":["integer","null"],"minimum":105})", "15", false));
}

TEST(SchemaGrammar, MakesJsonOfPatterns) {
  const struct {
    const char* pattern;
    std::vector<const char*> good;  // as JSON writes them
    std::vector<const char*> bad;
  } rows[] = {
      {"^.+$", {R"("a b'")", "\"\xC3\xA9\""}, {R"("a"b")", R"("\")", "\"a\nb\"", "\"\"", "\"a\x01\""}},
      {"^[^@]+@[^@]+$", {R"("a@b.c")"}, {R"("a"@b")", R"("a\@b")", "\"a\n@b\"", R"("a@b@c")"}},
      {"^[^-a]$", {R"("b")"}, {R"("a")", R"("-")", "\"\"\""}},
      {"^[^a-]$", {R"("b")"}, {R"("a")", R"("-")", "\"\"\""}},
      {"^[ -~]+$", {R"("Az ~!#[]")"}, {R"("a"b")", R"("\a")"}},
      {"^[\\t\"x]+$", {R"("x")"}, {"\"\t\"", "\"\"\""}},
      {"^say \"hi\"$", {R"("say \"hi\"")"}, {R"("say "hi"")"}},
      {"^a\\\\b$", {R"("a\\b")"}, {R"("a\b")"}},
      {"^a\\nb\tc$", {R"("a\nb\tc")"}, {"\"a\nb\tc\""}},
      {"^\\x22+$", {R"("\"")", R"("\"\"")"}, {"\"\"\""}},
      {"^\\u0001$", {R"("\u0001")"}, {"\"\x01\""}},
      {"^ab\\.+$", {R"("ab.")", R"("ab..")"}, {R"("ab.ab.")", R"("ab")"}},
      {"^a\xC3\xA9+$", {"\"a\xC3\xA9\xC3\xA9\""}, {"\"a\""}},
      {"^(?:x|y\"){2}$", {R"("xx")", R"("xy\"")"}, {R"("x")", R"("xy"")"}},
      {"^[A-Z]{2}[0-9]{3,}$", {R"("AB123")"}, {R"("AB12")"}},
      {"^[a\\]\\-]+$", {R"("a]-")"}, {R"("b")"}},
  };
  for (const auto& row : rows) {
    const std::string schema = ordered_json{{"type", "string"}, {"pattern", row.pattern}}.dump();
    for (const char* text : row.good) {
      EXPECT_TRUE(passes(schema, text)) << row.pattern << " " << text;
      EXPECT_FALSE(ordered_json::parse(text, nullptr, false).is_discarded()) << text;
    }
    for (const char* text : row.bad) {
      EXPECT_FALSE(passes(schema, text)) << row.pattern << " " << text;
      EXPECT_FALSE(passes(schema, text, false)) << row.pattern << " " << text;
    }
  }
}

// What is found to fit must not be what the converter takes any text for.
TEST(SchemaGrammar, EnforcesEachPatternThatFits) {
  for (const char* pattern :
       {"^.*$", "^[^\\]]$", "^(a|b)*c{2,}$", "^$", "^\\^\\$$", "^a-b_c/d:e$", "^(?:a)?$", "^\\{x\\}$"}) {
    const auto fitting = fit_pattern(pattern);
    ASSERT_TRUE(fitting) << pattern;
    const auto grammar = schema_grammar(ordered_json{{"type", "string"}, {"pattern", *fitting}}.dump());
    ASSERT_TRUE(grammar) << pattern;
    EXPECT_EQ(grammar->find("root ::= string\n"), std::string::npos) << pattern << "\n" << *grammar;
  }
}

TEST(SchemaGrammar, MakesJsonOfOtherProperties) {
  for (const char* more : {"true", R"({"type":"integer"})"}) {
    const std::string schema = R"({"type":"object","properties":{"ab":{"type":"integer"}},"required":["ab"],)"
                               R"("additionalProperties":)" +
                               std::string(more) + "}";
    for (const bool strict : {true, false}) {
      EXPECT_TRUE(passes(schema, R"({"ab":1})", strict));
      for (const char* text : {"{\"ab\":1,\"\\c\":1}", "{\"ab\":1,\"a\nb\":1}", "{\"ab\":1,\"\n\":1}"}) {
        EXPECT_FALSE(passes(schema, text, strict)) << text;
      }
    }
  }
  EXPECT_TRUE(passes(R"({"type":"object","additionalProperties":{"type":"integer"}})", R"({"a":1,"b\"":2})"));
}

}  // namespace
}  // namespace openpcc::engine
