#include "worker/refusal.h"

#include "worker/json_text.h"

namespace openpcc::worker {

std::string refusal_body(const Refusal& refusal) {
  return "{\"code\":" + go_json_string(refusal.code) +
         ",\"error\":\"Request Validation Error\",\"message\":" + go_json_string(refusal.message) + "}";
}

}  // namespace openpcc::worker
