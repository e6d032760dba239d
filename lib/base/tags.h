// tags.h - sets of node tags such as "llm" or "model=llama3.2:1b". Tags find nodes; they prove nothing about them.
#pragma once

#include <set>

#include "base/bytes.h"

namespace openpcc {

inline constexpr ErrorCode kBadTag{"base.bad_tag"};  // longer than kMaxTagSize bytes

class Tags {
 public:
  static constexpr size_t kMaxTagSize = 512;  // bytes

  Tags() = default;
  // Duplicates collapse. Any text of at most kMaxTagSize bytes is a tag.
  [[nodiscard]] static Result<Tags> from(const std::vector<std::string>& tags);
  // "a, b,,c": split on commas, trimmed, empty ones dropped.
  [[nodiscard]] static Result<Tags> from_comma_list(std::string_view list);

  [[nodiscard]] Status add(std::string tag);
  // True when every tag of `wanted` is here. An empty set is contained in every set.
  [[nodiscard]] bool contains_all(const Tags& wanted) const;
  // What follows "key=" in each tag that starts so.
  [[nodiscard]] std::vector<std::string> values_of(std::string_view key) const;
  [[nodiscard]] bool empty() const { return tags_.empty(); }
  [[nodiscard]] const std::set<std::string, std::less<>>& all() const { return tags_; }
  friend bool operator==(const Tags&, const Tags&) = default;

 private:
  std::set<std::string, std::less<>> tags_;
};

}  // namespace openpcc
