// schema_fit.h - a JSON schema that was checked (schema_check.h), made fit for libllama's converter.
//
// The converter makes of some schemas a grammar that lets through what the schema forbids, or what is no JSON at all.
// Those are rewritten here so that what comes of them fits the schema as it was: it may say less than it could, never
// something else.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace openpcc::engine {

// What is wrong, as the end of a sentence ("has a pattern that ..."): what cannot be made fit is refused where it is to
// be followed strictly, and else left out of the schema.
[[nodiscard]] std::optional<std::string> fit_schema(nlohmann::ordered_json& schema, bool strict);

}  // namespace openpcc::engine
