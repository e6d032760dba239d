// json_text.h - text of JSON documents as Go's encoding/json reads and writes it, so that bytes which are no valid text
// mean here what they mean to the official worker. The text is hostile. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/secret_bytes.h"

namespace openpcc::worker {

// A JSON string with its quotes: <, > and & escaped, bytes that are no UTF-8 replaced.
[[nodiscard]] std::string go_json_string(std::string_view text);

// The document with U+FFFD for each byte that is no UTF-8 and for each escaped half of a surrogate pair. What is no
// JSON for another reason stays none.
[[nodiscard]] WipedBytes repair_json(std::string_view document);

}  // namespace openpcc::worker
