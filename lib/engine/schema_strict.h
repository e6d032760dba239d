// schema_strict.h - what of a JSON schema libllama's converter would drop.
//
// In each schema it looks at one kind of what is said about a value, and at nothing else: a string's pattern makes it
// forget the length, a list of items their number. Where a schema is to be followed strictly that is refused by name.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace openpcc::engine {

// Of this schema alone, not of those inside it. As the end of a sentence ("uses 'not', which ..."); nothing: all of it
// is enforced.
[[nodiscard]] std::optional<std::string> unenforced(const nlohmann::ordered_json& schema);

}  // namespace openpcc::engine
