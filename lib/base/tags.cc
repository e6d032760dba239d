#include "base/tags.h"

#include <algorithm>

namespace openpcc {

Status Tags::add(std::string tag) {
  if (tag.size() > kMaxTagSize) {
    return fail(kBadTag, "a tag of " + std::to_string(tag.size()) + " bytes; at most " + std::to_string(kMaxTagSize) +
                             " are allowed");
  }
  tags_.insert(std::move(tag));
  return {};
}

Result<Tags> Tags::from(const std::vector<std::string>& tags) {
  Tags out;
  for (const std::string& tag : tags) OPENPCC_TRY_STATUS(out.add(tag));
  return out;
}

Result<Tags> Tags::from_comma_list(std::string_view list) {
  Tags out;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    constexpr std::string_view kBlank = " \t\r\n";
    const size_t first = item.find_first_not_of(kBlank);
    if (first == std::string_view::npos) continue;
    item = item.substr(first, item.find_last_not_of(kBlank) - first + 1);
    OPENPCC_TRY_STATUS(out.add(std::string(item)));
  }
  return out;
}

bool Tags::contains_all(const Tags& wanted) const {
  return std::includes(tags_.begin(), tags_.end(), wanted.tags_.begin(), wanted.tags_.end());
}

std::vector<std::string> Tags::values_of(std::string_view key) const {
  const std::string prefix = std::string(key) + "=";
  std::vector<std::string> out;
  for (auto it = tags_.lower_bound(prefix); it != tags_.end() && it->starts_with(prefix); ++it) {
    out.push_back(it->substr(prefix.size()));
  }
  return out;
}

}  // namespace openpcc
