#include "engine/schema_check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "engine/schema_strict.h"

namespace openpcc::engine {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kUnknown = 0;
constexpr size_t kInProgress = SIZE_MAX;
constexpr double kMostExact = 9007199254740992.0;  // 2^53

constexpr std::array kBounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"};

std::string number(size_t value) {
  return std::to_string(value);
}

std::string quoted(std::string_view keyword) {
  return "'" + std::string(keyword) + "'";
}

const Json* member(const Json& node, const char* key) {
  const auto found = node.find(key);
  return found == node.end() ? nullptr : &*found;
}

// Elements of the pattern that one quantifier stands behind are known when it comes: `last`, the cost of the element
// before, is part of its group's sum until then.
struct Group {
  size_t sum = 0;
  size_t last = 1;
  size_t required = 0;         // elements of this alternative that are never empty
  bool last_is_empty = false;  // may be
  bool may_be_empty = false;   // some alternative before this one

  void make_last_empty() {
    required -= last_is_empty ? 0 : 1;
    last_is_empty = true;
  }
};

size_t capped(size_t value) {
  return std::min(value, 2 * kMaxRepetitions);
}

}  // namespace

size_t pattern_repetitions(const std::string& pattern) {
  std::vector<Group> groups(1);
  const auto element = [&](size_t cost, bool empty = false) {
    Group& group = groups.back();
    group.sum = capped(group.sum + cost);
    group.last = cost;
    group.last_is_empty = empty;
    group.required += empty ? 0 : 1;
  };
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      ++i;
      element(1);
    } else if (c == '[') {
      while (i < pattern.size() && pattern[i] != ']') {
        i += pattern[i] == '\\' ? 2 : 1;
      }
      element(1);
    } else if (c == '(') {
      groups.emplace_back();
    } else if (c == ')' && groups.size() > 1) {
      const Group inner = groups.back();
      groups.pop_back();
      element(std::max<size_t>(inner.sum, 1), inner.may_be_empty || inner.required == 0);
    } else if (c == '{') {
      // The larger of the numbers; something else in braces is refused by the converter.
      size_t most = 1;
      size_t digits = 0;
      const bool from_none = i + 1 < pattern.size() && (pattern[i + 1] == '0' || pattern[i + 1] == ',');
      for (++i; i < pattern.size() && pattern[i] != '}'; ++i) {
        const bool digit = pattern[i] >= '0' && pattern[i] <= '9';
        digits = digit ? capped(digits * 10 + static_cast<size_t>(pattern[i] - '0')) : 0;
        most = std::max(most, digits);
      }
      Group& group = groups.back();
      if (group.last_is_empty && most > 1) {
        return kMaxRepetitions;
      }
      group.sum = capped(group.sum - std::min(group.sum, group.last) + group.last * most);
      group.last = capped(group.last * most);
      if (from_none && group.required > 0) {
        group.make_last_empty();
      }
    } else if (c == '*' || c == '+' || c == '?') {
      // One rule more, whatever it stands behind: twice the cost bounds what nesting makes of it.
      Group& group = groups.back();
      if (group.last_is_empty && c != '?') {
        return kMaxRepetitions;
      }
      group.sum = capped(group.sum + group.last);
      group.last = capped(group.last * 2);
      if (c != '+' && group.required > 0) {
        group.make_last_empty();
      }
    } else if (c == '|') {
      Group& group = groups.back();
      group.may_be_empty = group.may_be_empty || group.required == 0;
      group.required = 0;
      group.last_is_empty = false;
    } else {
      element(1);
    }
  }
  size_t sum = 0;
  for (const Group& group : groups) {
    sum = capped(sum + group.sum);
  }
  return sum;
}

std::optional<std::string> SchemaCheck::check(const Json& schema, bool strict) {
  root_ = &schema;
  strict_ = strict;
  seen_.clear();
  try {
    nodes_ += visit(schema, 1);
    if (nodes_ > kMaxSchemaNodes) {
      throw Fault{"describes more than " + number(kMaxSchemaNodes) + " values"};
    }
    for (const auto& [node, count] : seen_) {
      (void)alternatives(*node);
    }
  } catch (const Fault& fault) {
    return fault.what;
  }
  return std::nullopt;
}

size_t SchemaCheck::visit_list(const Json& list, size_t depth) {
  size_t nodes = 0;
  for (const Json& item : list) {
    nodes = std::min(nodes + visit(item, depth), 2 * kMaxSchemaNodes);
  }
  return nodes;
}

size_t SchemaCheck::visit_named(const Json& named, size_t depth) {
  if (!named.is_object()) {
    return 0;
  }
  properties_ += named.size();
  if (named.size() > kMaxObjectProperties || properties_ > kMaxSchemaProperties) {
    throw Fault{"has more than " + number(kMaxObjectProperties) + " properties in one object, or " +
                number(kMaxSchemaProperties) + " in all"};
  }
  for (const auto& [name, value] : named.items()) {
    if (name.size() > kMaxSchemaNameBytes) {
      throw Fault{"has a name of more than " + number(kMaxSchemaNameBytes) + " bytes"};
    }
  }
  size_t nodes = 0;
  for (const Json& value : named) {
    nodes = std::min(nodes + visit(value, depth), 2 * kMaxSchemaNodes);
  }
  return nodes;
}

// How many schemas the converter makes of this one: it copies one for each type of a list of types.
size_t SchemaCheck::visit(const Json& node, size_t depth) {
  if (!node.is_object()) {
    return 1;  // the converter refuses it
  }
  if (depth > kMaxSchemaDepth) {
    throw Fault{"is nested more than " + number(kMaxSchemaDepth) + " levels deep"};
  }
  seen_.emplace(&node, kUnknown);
  check_numbers(node);
  if (strict_) {
    if (auto what = unenforced(node)) {
      throw Fault{std::move(*what)};
    }
  }
  size_t nodes = 1;
  for (const auto& [key, value] : node.items()) {
    if (key == "properties" || key == "$defs" || key == "definitions") {
      nodes += visit_named(value, depth + 1);
    } else if (key == "anyOf" || key == "oneOf" || key == "allOf" || key == "prefixItems" ||
               (key == "items" && value.is_array())) {
      nodes += visit_list(value, depth + 1);
    } else if ((key == "items" || key == "additionalProperties") && value.is_object()) {
      nodes += visit(value, depth + 1);
    } else if (key == "$ref" && ++refs_ > kMaxSchemaRefs) {
      throw Fault{"has more than " + number(kMaxSchemaRefs) + " references"};
    }
  }
  const Json* type = member(node, "type");
  const size_t copies = type != nullptr && type->is_array() ? std::max<size_t>(type->size(), 1) : 1;
  return std::min(nodes * copies, 2 * kMaxSchemaNodes);
}

void SchemaCheck::check_pair(const Json& node, const char* least, const char* most) {
  const Json* low = member(node, least);
  const Json* high = member(node, most);
  for (const Json* count : {low, high}) {
    if (count != nullptr && (!count->is_number_integer() || *count < 0 || *count > INT32_MAX)) {
      throw Fault{"has a " + quoted(count == low ? least : most) + " that is no count"};
    }
  }
  const size_t from = low == nullptr ? 0 : low->get<size_t>();
  const size_t to = high == nullptr ? from : high->get<size_t>();
  if (to < from) {
    throw Fault{"has a " + quoted(most) + " below its " + quoted(least)};
  }
  if (from > kMaxRepetition || (strict_ && to > kMaxRepetition)) {
    throw Fault{"has a " + quoted(from > kMaxRepetition ? least : most) + " above " + number(kMaxRepetition)};
  }
  repetitions_ += to > kMaxRepetition ? from : to;
}

void SchemaCheck::check_numbers(const Json& node) {
  check_pair(node, "minLength", "maxLength");
  check_pair(node, "minItems", "maxItems");
  if (const Json* pattern = member(node, "pattern"); pattern != nullptr && pattern->is_string()) {
    const auto& text = pattern->get_ref<const std::string&>();
    const size_t count = pattern_repetitions(text);
    if (text.size() > kMaxPatternBytes || count > kMaxRepetition) {
      throw Fault{"has a pattern that is too long or repeats too much"};
    }
    repetitions_ += count;
  }
  if (repetitions_ > kMaxRepetitions) {
    throw Fault{"allows more than " + number(kMaxRepetitions) + " repetitions in all"};
  }
  for (const char* key : kBounds) {
    const Json* bound = member(node, key);
    if (bound != nullptr && (!bound->is_number() || !(std::abs(bound->get<double>()) <= kMostExact))) {
      throw Fault{"has a " + quoted(key) + " that is no number below 2^53"};
    }
  }
  const Json* low = member(node, "minimum");
  const Json* high = member(node, "maximum");
  if (low != nullptr && high != nullptr && low->get<double>() > high->get<double>()) {
    throw Fault{"has a 'maximum' below its 'minimum'"};
  }
  check_integer(node);
}

void SchemaCheck::check_integer(const Json& node) {
  const Json* type = member(node, "type");
  const auto is_integer = [](const Json& name) { return name == "integer"; };
  if (type == nullptr ||
      !(is_integer(*type) || (type->is_array() && std::any_of(type->begin(), type->end(), is_integer)))) {
    return;
  }
  // As the converter rounds them; where one side has none, schema_fit.h sets one.
  const auto value = [&](const char* key) { return node[key].get<double>(); };
  double low = 1 - kMostExact;
  double high = kMostExact - 1;
  if (node.contains("minimum")) {
    low = std::ceil(value("minimum"));
  } else if (node.contains("exclusiveMinimum")) {
    low = std::floor(value("exclusiveMinimum")) + 1;
  }
  if (node.contains("maximum")) {
    high = std::floor(value("maximum"));
  } else if (node.contains("exclusiveMaximum")) {
    high = std::ceil(value("exclusiveMaximum")) - 1;
  }
  if (low > high) {
    throw Fault{"has bounds that no integer keeps"};
  }
}

// The converter follows these in the same way.
const Json* SchemaCheck::target_of(const Json& ref) const {
  if (!ref.is_string() || !ref.get_ref<const std::string&>().starts_with("#/")) {
    return nullptr;
  }
  const Json* target = root_;
  std::string_view rest = ref.get_ref<const std::string&>();
  rest.remove_prefix(2);
  while (true) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    const std::string step(rest.substr(0, slash));
    if (target->is_object() && target->contains(step)) {
      target = &target->at(step);
    } else if (target->is_array() && !step.empty() && step.size() < 6 &&
               step.find_first_not_of("0123456789") == std::string::npos && std::stoul(step) < target->size()) {
      target = &target->at(std::stoul(step));
    } else {
      return nullptr;
    }
    if (slash == rest.size()) {
      return target;
    }
    rest.remove_prefix(slash + 1);
  }
}

// A schema that offers itself among its alternatives, without anything in between, has no end; one whose references
// double at each step has one that nobody lives to see.
size_t SchemaCheck::alternatives(const Json& node) {
  size_t& known = seen_.at(&node);
  if (known == kInProgress) {
    throw Fault{"refers to itself without anything in between"};
  }
  if (known != kUnknown) {
    return known;
  }
  known = kInProgress;
  size_t count = 0;
  if (const Json* ref = member(node, "$ref")) {
    const Json* target = target_of(*ref);
    if (target == nullptr || !seen_.contains(target)) {
      throw Fault{"has a reference to something that is no schema of its own"};
    }
    count += alternatives(*target);
  }
  for (const char* key : {"anyOf", "oneOf", "allOf"}) {
    const Json* list = member(node, key);
    if (list == nullptr || !list->is_array()) {
      continue;
    }
    for (const Json& item : *list) {
      count = std::min(count + (item.is_object() ? alternatives(item) : 1), 2 * kMaxAlternatives);
    }
  }
  if (count > kMaxAlternatives) {
    throw Fault{"offers more than " + number(kMaxAlternatives) + " alternatives at one place"};
  }
  seen_.at(&node) = std::max<size_t>(count, 1);
  return std::max<size_t>(count, 1);
}

}  // namespace openpcc::engine
