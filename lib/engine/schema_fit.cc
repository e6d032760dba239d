#include "engine/schema_fit.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/pattern_fit.h"

namespace openpcc::engine {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMostInteger = 9007199254740991;  // 2^53 - 1, the most that all readers of JSON keep exactly

bool may_be_integer(const Json& node) {
  const auto type = node.find("type");
  return type != node.end() &&
         (*type == "integer" || (type->is_array() && std::find(type->begin(), type->end(), "integer") != type->end()));
}

// The converter's rules for a bound on one side alone are wrong: "minimum": 105 lets 15 pass.
void bound_both_sides(Json& node) {
  const bool low = node.contains("minimum") || node.contains("exclusiveMinimum");
  const bool high = node.contains("maximum") || node.contains("exclusiveMaximum");
  if (!may_be_integer(node) || low == high) {
    return;
  }
  if (low) {
    node["maximum"] = kMostInteger;
  } else {
    node["minimum"] = -kMostInteger;
  }
}

// For the names of other properties the converter writes a rule that takes a quote's escape apart, and lets a line end
// in. An object without them fits the schema, too.
void close_object(Json& node) {
  const auto properties = node.find("properties");
  if (properties != node.end() && properties->is_object() && !properties->empty() &&
      node.contains("additionalProperties")) {
    node["additionalProperties"] = false;
  }
}

struct Fault {
  std::string what;
};

void fit_string(Json& node, bool strict) {
  const auto pattern = node.find("pattern");
  if (pattern == node.end() || !pattern->is_string()) {
    return;
  }
  const auto fitting = fit_pattern(pattern->get_ref<const std::string&>());
  if (fitting) {
    *pattern = *fitting;
  } else if (fitting.error() == PatternFault::kInvalid) {
    throw Fault{"has a pattern that is no regular expression"};
  } else if (strict) {
    throw Fault{
        "has a pattern that this node cannot enforce: it takes ^ and $ around characters, classes, groups and counts"};
  } else {
    node.erase("pattern");
  }
}

void fit(Json& node, bool strict) {
  if (!node.is_object()) {
    return;
  }
  bound_both_sides(node);
  close_object(node);
  fit_string(node, strict);
  for (const auto& item : node.items()) {
    const std::string& key = item.key();
    Json& value = item.value();
    const bool named = key == "properties" || key == "$defs" || key == "definitions";
    const bool list = key == "anyOf" || key == "oneOf" || key == "allOf" || key == "prefixItems" || key == "items";
    if ((named && value.is_object()) || (list && value.is_array())) {
      for (Json& inner : value) {
        fit(inner, strict);
      }
    } else if (key == "items" || key == "additionalProperties") {
      fit(value, strict);
    }
  }
}

}  // namespace

std::optional<std::string> fit_schema(Json& schema, bool strict) {
  try {
    fit(schema, strict);
  } catch (const Fault& fault) {
    return fault.what;
  }
  return std::nullopt;
}

}  // namespace openpcc::engine
