// schema_grammar.h - libllama's grammar for a JSON schema. Internal to the embedded engine.
#pragma once

#include <optional>
#include <string>

namespace openpcc::engine {

// GBNF for a schema that has been checked and made fit (schema_check.h, schema_fit.h), or nothing where it cannot be
// expressed.
[[nodiscard]] std::optional<std::string> schema_grammar(const std::string& schema);

}  // namespace openpcc::engine
