// schema_check.h - may this JSON schema be made into a grammar?
//
// The schema is hostile. A small one can describe a grammar without end (repetitions of repetitions, references that
// double at each step, type lists inside type lists), and libllama's converter recurses as deep as the schema does.
// What it would not survive, or not finish in a moment, is refused here, before it sees it.
//
// The converter drops what it cannot express. For a schema that is to be followed strictly that is refused by name, as
// OpenAI does; otherwise the answer follows what can be expressed.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace openpcc::engine {

inline constexpr size_t kMaxSchemaBytes = 65536;
inline constexpr size_t kMaxSchemaDepth = 16;         // schemas inside schemas
inline constexpr size_t kMaxSchemaNodes = 4096;       // with each list of types written out
inline constexpr size_t kMaxObjectProperties = 256;   // of one object
inline constexpr size_t kMaxSchemaProperties = 1024;  // of all together
inline constexpr size_t kMaxSchemaNameBytes = 128;    // of a property
inline constexpr size_t kMaxSchemaRefs = 128;
inline constexpr size_t kMaxAlternatives = 1024;  // that one place offers, references followed
inline constexpr size_t kMaxPatternBytes = 512;
inline constexpr size_t kMaxRepetition = 2000;     // libllama takes more for "any number"
inline constexpr size_t kMaxRepetitions = 20'000;  // of all together

class SchemaCheck {
 public:
  // What is wrong, as the end of a sentence ("is nested more than 16 levels deep"); nothing: it may be used. Limits
  // that are said to be "of all together" count over all calls.
  [[nodiscard]] std::optional<std::string> check(const nlohmann::ordered_json& schema, bool strict);

 private:
  struct Fault {
    std::string what;
  };
  using Json = nlohmann::ordered_json;

  size_t visit(const Json& node, size_t depth);
  size_t visit_list(const Json& list, size_t depth);
  size_t visit_named(const Json& named, size_t depth);
  void check_numbers(const Json& node);
  void check_pair(const Json& node, const char* least, const char* most);
  void check_integer(const Json& node);
  size_t alternatives(const Json& node);
  const Json* target_of(const Json& ref) const;

  const Json* root_ = nullptr;
  bool strict_ = false;
  std::map<const Json*, size_t> seen_;  // every schema, and how many alternatives it offers
  size_t properties_ = 0;
  size_t refs_ = 0;
  size_t repetitions_ = 0;
  size_t nodes_ = 0;
};

// How often the parts of a regular expression are repeated, repetitions of repetitions multiplied; capped. The cap
// itself where something is repeated that may be empty: libllama would try out all the ways to say nothing.
[[nodiscard]] size_t pattern_repetitions(const std::string& pattern);

}  // namespace openpcc::engine
