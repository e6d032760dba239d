// part.h - what an inspection finds: the parts of an object with their places, and the rules it breaks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace openpcc::inspect {

// Nothing for objects and lists. A text is as it was received: it may be no UTF-8, and may hold control characters.
using Value = std::variant<std::monostate, bool, int64_t, uint64_t, std::string, Bytes>;

enum class Shape { kValue, kObject, kList };

struct Part {
  std::string name;  // of a list's elements: empty
  size_t at = 0;     // the first byte of its content, counted from the start of what is inspected
  size_t size = 0;
  Shape shape = Shape::kValue;
  Value value;
  std::vector<Part> parts;  // of an object by name, each name once; of a list in order

  [[nodiscard]] const Part* find(std::string_view name) const;
  [[nodiscard]] Part* find(std::string_view name);
  // Adds a part, or puts it in the place of the one with that name.
  Part& set(Part part);
  // Adds a part behind the one named `neighbour`, or at the end.
  void add_after(std::string_view neighbour, Part part);
};

[[nodiscard]] Part value_part(std::string_view name, size_t at, size_t size, Value value);
[[nodiscard]] Part object_part(std::string_view name, size_t at, size_t size);
[[nodiscard]] Part list_part(std::string_view name, size_t at, size_t size);

struct Problem {
  size_t at = 0;     // the byte it is about; the size of the object where something is missing at its end
  std::string part;  // "candidates[1].encapsulated_key"; empty for the object itself
  std::string rule;  // what is asked, and by what: an RFC, a structure of the TPM, a field of a message
};

// `outer` in front of the problem's part: "items[3]" and "id" make "items[3].id".
[[nodiscard]] Problem within(std::string_view outer, Problem problem);
[[nodiscard]] std::string element_name(std::string_view list, size_t index);

}  // namespace openpcc::inspect
