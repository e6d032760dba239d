// inspect_view.h - an inspected object as text and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "inspect/inspect.h"

namespace openpcc::cli {

// One line a part, its first byte in front: "  40    encapsulated_key: 0000…". Long values are cut unless `full`.
// Control characters do not get through.
[[nodiscard]] std::string to_text(const inspect::Part& root, bool full);
// "byte 117: candidates[0].encapsulated_key: …", fit for a terminal.
[[nodiscard]] std::string to_text(const inspect::Problem& problem);

// Objects and lists as they are, bytes in hex, texts as texts, but {"hex": "…"} where a text is no UTF-8.
[[nodiscard]] nlohmann::ordered_json to_json(const inspect::Part& part);
[[nodiscard]] nlohmann::ordered_json to_json(const inspect::Problem& problem);
// One line of ASCII: everything else is escaped.
[[nodiscard]] std::string dump_ascii(const nlohmann::ordered_json& json);

}  // namespace openpcc::cli
