// validate_body.h - may this JSON body be given to the engine? Sizes, JSON, fields and their types, model (PROTOCOL
// H.12, step 5), in the official order. The body is hostile.
//
// Accepted is what the official worker accepts, with the same meaning, and more where the engines can use it (marked in
// the field tables): fractional top_p and penalties, tool_call_id, response formats. Stricter are nesting over
// kMaxDepth and over kMaxKeys keys alone: what one request may cost.
//
// The engine gets what was checked, written anew: known keys in their own spelling, the last of two for one field,
// valid text, nulls dropped, and, where a /v1 request streams, stream_options.include_usage on, which the refund needs.
#pragma once

#include <optional>
#include <span>

#include "base/secret_bytes.h"
#include "worker/refusal.h"

namespace openpcc::worker {

inline constexpr int kMaxDepth = 500;
inline constexpr size_t kMaxKeys = 20000;

struct BodyChecks {
  std::string_view path;                         // one of the four endpoints
  std::optional<int64_t> content_length;         // the header's
  std::span<const std::string> models;           // served here
  const std::vector<std::string>* badge_models;  // null where no badge is demanded
};

struct ValidBody {
  WipedBytes json;
  std::string model;
  bool stream = false;
};

// `read_error`: why the body could not be read whole, empty otherwise. A body over limits::kRequestBody may come cut,
// one byte longer than the limit.
[[nodiscard]] Checked<ValidBody> validate_body(const BodyChecks& checks, ByteView body, std::string_view read_error);

}  // namespace openpcc::worker
