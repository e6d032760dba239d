// body_fields.h - inside of validate_body: a JSON body read into its known fields. Includes nlohmann/json.
#pragma once

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "worker/refusal.h"

namespace openpcc::worker {

using Json = nlohmann::ordered_json;  // the order of a JSON schema's properties matters to the engine

// One JSON object with the fields of this endpoint, each of its type, under their own names and in the official order.
// Fields that are null are left out.
[[nodiscard]] Checked<Json> parse_request(std::string_view path, ByteView body);

}  // namespace openpcc::worker
