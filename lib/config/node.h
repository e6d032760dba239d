// node.h - inside of lib/config: the tree that a YAML document becomes. Not for other folders.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "base/bytes.h"

namespace openpcc::config {

struct Node {
  enum class Kind { kNull, kScalar, kList, kMapping };
  struct Entry {
    std::shared_ptr<Node> value;
    int line = 0;       // of the key
    bool used = false;  // somebody asked for it by type
  };

  Kind kind = Kind::kNull;
  int line = 0;
  std::string scalar;
  std::vector<std::shared_ptr<Node>> list;
  std::map<std::string, Entry, std::less<>> mapping;
  std::set<std::string, std::less<>>
      asked;  // keys that somebody asked for, to name them in the error for an unknown one
};

// One document, no anchors, aliases or tags other than !!str; keys are scalars and stand once.
[[nodiscard]] Result<std::shared_ptr<Node>> parse_yaml(std::string_view text);

}  // namespace openpcc::config
