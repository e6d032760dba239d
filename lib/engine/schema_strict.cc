#include "engine/schema_strict.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

namespace openpcc::engine {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kUnenforced = {"not",
                                    "if",
                                    "then",
                                    "else",
                                    "patternProperties",
                                    "propertyNames",
                                    "minProperties",
                                    "maxProperties",
                                    "contains",
                                    "minContains",
                                    "maxContains",
                                    "uniqueItems",
                                    "multipleOf",
                                    "allOf",
                                    "dependentRequired",
                                    "dependentSchemas",
                                    "dependencies",
                                    "unevaluatedItems",
                                    "unevaluatedProperties",
                                    "additionalItems",
                                    "$dynamicRef",
                                    "$recursiveRef"};
constexpr std::array kBounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"};
constexpr std::array kOfObjects = {"properties", "required", "additionalProperties"};
constexpr std::array kOfArrays = {"items", "prefixItems", "minItems", "maxItems"};
constexpr std::array kOfStrings = {"pattern", "format", "minLength", "maxLength"};
constexpr std::array kInPlaceOfOthers = {"$ref", "anyOf", "oneOf", "enum", "const"};
constexpr std::array<std::string_view, 4> kFormats = {"date", "time", "date-time", "uuid"};

std::string together(std::string_view one, std::string_view other) {
  return "uses '" + std::string(one) + "' beside " + std::string(other) + ", which this node cannot enforce together";
}

bool is_of_type(const Json& value, const Json& type) {
  if (type == "integer") {
    return value.is_number_integer() || (value.is_number() && value.get<double>() == std::floor(value.get<double>()));
  }
  return (type == "number" && value.is_number()) || (type == "string" && value.is_string()) ||
         (type == "boolean" && value.is_boolean()) || (type == "null" && value.is_null()) ||
         (type == "array" && value.is_array()) || (type == "object" && value.is_object());
}

// `key` is "enum" or "const", of which the converter writes the values down whatever else is said.
std::optional<std::string> values_of_another_type(const Json& schema, const char* key) {
  const auto type = schema.find("type");
  const auto values = schema.find(key);
  if (values == schema.end() || type == schema.end()) {
    return std::nullopt;
  }
  const auto fits = [&](const Json& value) {
    return type->is_array()
               ? std::any_of(type->begin(), type->end(), [&](const Json& one) { return is_of_type(value, one); })
               : is_of_type(value, *type);
  };
  const bool all = std::string_view(key) == "enum" && values->is_array()
                       ? std::all_of(values->begin(), values->end(), fits)
                       : fits(*values);
  return all ? std::nullopt : std::optional("has a '" + std::string(key) + "' that is not of its 'type'");
}

std::optional<std::string> unenforced_of_lists(const Json& schema) {
  const auto has = [&](const char* key) { return schema.contains(key); };
  if (has("prefixItems") && has("items")) {
    return together("prefixItems", "'items'");
  }
  const bool list = has("prefixItems") || (has("items") && schema["items"].is_array());
  if (list && (has("minItems") || has("maxItems"))) {
    return together(has("minItems") ? "minItems" : "maxItems", "a list of items");
  }
  return std::nullopt;
}

std::optional<std::string> unenforced_of_strings(const Json& schema) {
  const auto has = [&](const char* key) { return schema.contains(key); };
  const bool length = has("minLength") || has("maxLength");
  if (has("pattern") && (has("format") || length)) {
    return together("pattern", has("format") ? "'format'" : "limits of the length");
  }
  if (has("format") && length) {
    return together("format", "limits of the length");
  }
  const auto format = schema.find("format");
  if (format != schema.end() &&
      (!format->is_string() ||
       std::find(kFormats.begin(), kFormats.end(), format->get_ref<const std::string&>()) == kFormats.end())) {
    return "uses a 'format' that this node cannot enforce: it knows date, time, date-time and uuid";
  }
  return std::nullopt;
}

std::optional<std::string> unenforced_of_objects(const Json& schema) {
  const auto required = schema.find("required");
  if (required == schema.end()) {
    return std::nullopt;
  }
  if (!required->is_array()) {
    return "has a 'required' that is no list of names";
  }
  const auto properties = schema.find("properties");
  for (const Json& name : *required) {
    if (!name.is_string() || properties == schema.end() || !properties->contains(name.get<std::string>())) {
      return "requires a property that its 'properties' do not have";
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> unenforced(const Json& schema) {
  const auto has = [&](const char* key) { return schema.contains(key); };
  for (const char* key : kUnenforced) {
    if (has(key)) {
      return "uses '" + std::string(key) + "', which this node cannot enforce";
    }
  }
  const bool objects = std::any_of(kOfObjects.begin(), kOfObjects.end(), has);
  const bool arrays = std::any_of(kOfArrays.begin(), kOfArrays.end(), has);
  const bool strings = std::any_of(kOfStrings.begin(), kOfStrings.end(), has);
  const bool bounds = std::any_of(kBounds.begin(), kBounds.end(), has);
  for (const char* alone : kInPlaceOfOthers) {
    const bool values = std::string_view(alone) == "enum" || std::string_view(alone) == "const";
    if (has(alone) && (objects || arrays || strings || bounds || (has("type") && !values) ||
                       std::count_if(kInPlaceOfOthers.begin(), kInPlaceOfOthers.end(), has) > 1)) {
      return together(alone, "other constraints");
    }
  }
  for (const char* key : {"enum", "const"}) {
    if (auto what = values_of_another_type(schema, key)) {
      return what;
    }
  }
  if (bounds && (!has("type") || schema["type"] != "integer" || (has("minimum") && has("exclusiveMinimum")) ||
                 (has("maximum") && has("exclusiveMaximum")))) {
    return "uses bounds that this node cannot enforce: of numbers that are no integers, or two on one side";
  }
  // Without a type the converter goes by the first of these that it finds.
  if (!has("type") && objects + arrays + strings > 1) {
    return "has no 'type', and constraints of several types, which this node cannot enforce together";
  }
  if (!has("type") && (has("minItems") || has("maxItems")) && !has("items") && !has("prefixItems")) {
    return "limits the number of items without 'type', which this node cannot enforce";
  }
  if (auto what = unenforced_of_lists(schema)) {
    return what;
  }
  if (auto what = unenforced_of_strings(schema)) {
    return what;
  }
  return unenforced_of_objects(schema);
}

}  // namespace openpcc::engine
