#include "engine/schema_grammar.h"

#include "json-schema-to-grammar.h"
#include "json.h"

namespace openpcc::engine {

std::optional<std::string> schema_grammar(const std::string& schema) {
  try {
    return json_schema_to_grammar(common_json::parse(schema));
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace openpcc::engine
