#include "engine/json_fields.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace openpcc::engine {

using json = nlohmann::ordered_json;  // the order of a schema's properties is that of the answer's

JsonFields::JsonFields(const json& object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {}

const json* JsonFields::value(std::string_view name) {
  seen_.emplace(name);
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void JsonFields::refuse(std::string_view name, const std::string& what, std::string code) {
  if (!refusal_) {
    const std::string full = prefix_ + std::string(name);
    refusal_ = Refusal{400, "'" + full + "' " + what, full, std::move(code)};
  }
}

std::optional<std::string> JsonFields::text(std::string_view name) {
  const json* found = value(name);
  if (found == nullptr) {
    return std::nullopt;
  }
  if (!found->is_string()) {
    refuse(name, "must be a string", "invalid_type");
    return std::nullopt;
  }
  return found->get<std::string>();
}

std::optional<bool> JsonFields::boolean(std::string_view name) {
  const json* found = value(name);
  if (found == nullptr) {
    return std::nullopt;
  }
  if (!found->is_boolean()) {
    refuse(name, "must be true or false", "invalid_type");
    return std::nullopt;
  }
  return found->get<bool>();
}

namespace {

std::string short_number(double value) {
  return json(value == std::floor(value) ? json(static_cast<int64_t>(value)) : json(value)).dump();
}

}  // namespace

std::optional<double> JsonFields::number(std::string_view name, double low, double high) {
  const json* found = value(name);
  if (found == nullptr) {
    return std::nullopt;
  }
  if (!found->is_number()) {
    refuse(name, "must be a number", "invalid_type");
    return std::nullopt;
  }
  const auto number = found->get<double>();
  if (!(number >= low && number <= high)) {
    refuse(name, "must be between " + short_number(low) + " and " + short_number(high));
    return std::nullopt;
  }
  return number;
}

std::optional<int64_t> JsonFields::integer(std::string_view name, int64_t low, int64_t high) {
  const json* found = value(name);
  if (found == nullptr) {
    return std::nullopt;
  }
  const bool too_large = found->is_number_unsigned() && found->get<uint64_t>() > INT64_MAX;
  if (!found->is_number_integer() || too_large) {
    refuse(name, "must be an integer", "invalid_type");
    return std::nullopt;
  }
  const auto number = found->get<int64_t>();
  if (number < low || number > high) {
    refuse(name, "must be between " + std::to_string(low) + " and " + std::to_string(high));
    return std::nullopt;
  }
  return number;
}

void JsonFields::ignore(std::string_view name) {
  (void)value(name);
}

void JsonFields::unsupported(std::string_view name, std::string_view nothing) {
  const json* found = value(name);
  if (found == nullptr) {
    return;
  }
  const auto says_nothing = [&](const std::string& text) { return text.empty() || text == nothing; };
  const bool asks_nothing = (found->is_boolean() && !found->get<bool>()) || (found->is_number() && *found == 0) ||
                            (found->is_string() && says_nothing(found->get_ref<const std::string&>())) ||
                            (found->is_structured() && found->empty());
  if (!asks_nothing) {
    refuse(name, "is not supported by this node", "unsupported_parameter");
  }
}

void JsonFields::adopt(std::optional<Refusal> refusal) {
  if (!refusal_) {
    refusal_ = std::move(refusal);
  }
}

std::optional<Refusal> JsonFields::finish() {
  for (const auto& item : object_.items()) {
    if (!seen_.contains(item.key())) {
      refuse(item.key(), "is not a parameter that this node knows", "unknown_parameter");
    }
  }
  return refusal_;
}

}  // namespace openpcc::engine
