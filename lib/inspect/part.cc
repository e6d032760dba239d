#include "inspect/part.h"

#include <algorithm>

namespace openpcc::inspect {

const Part* Part::find(std::string_view wanted) const {
  const auto it = std::ranges::find(parts, wanted, &Part::name);
  return it == parts.end() ? nullptr : &*it;
}

Part* Part::find(std::string_view wanted) {
  const auto it = std::ranges::find(parts, wanted, &Part::name);
  return it == parts.end() ? nullptr : &*it;
}

Part& Part::set(Part part) {
  if (Part* const there = find(part.name)) {
    *there = std::move(part);
    return *there;
  }
  parts.push_back(std::move(part));
  return parts.back();
}

void Part::add_after(std::string_view neighbour, Part part) {
  auto place = std::ranges::find(parts, neighbour, &Part::name);
  if (place != parts.end()) ++place;
  parts.insert(place, std::move(part));
}

Part value_part(std::string_view name, size_t at, size_t size, Value value) {
  return {std::string(name), at, size, Shape::kValue, std::move(value), {}};
}

Part object_part(std::string_view name, size_t at, size_t size) {
  return {std::string(name), at, size, Shape::kObject, {}, {}};
}

Part list_part(std::string_view name, size_t at, size_t size) {
  return {std::string(name), at, size, Shape::kList, {}, {}};
}

Problem within(std::string_view outer, Problem problem) {
  if (!outer.empty()) problem.part = std::string(outer) + (problem.part.empty() ? "" : ".") + problem.part;
  return problem;
}

std::string element_name(std::string_view list, size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

}  // namespace openpcc::inspect
