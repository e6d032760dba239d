#include "worker/validate_body.h"

#include <algorithm>

#include "base/limits.h"
#include "worker/body_fields.h"

namespace openpcc::worker {
namespace {

Checked<void> check_sizes(const BodyChecks& checks, ByteView body, std::string_view read_error) {
  constexpr auto kMost = static_cast<int64_t>(limits::kRequestBody);
  if (checks.content_length.value_or(0) > kMost) {
    return refuse("ErrBodyTooLarge", "content-length exceeds max size");
  }
  if (body.size() > limits::kRequestBody) return refuse("ErrBodyTooLarge", "body exceeds max size");
  if (!read_error.empty()) return refuse("ErrReadingBody", "error reading body: " + std::string(read_error));
  if (body.empty()) return refuse("ErrEmptyBody", "empty body");
  // Without the header the official worker takes the length for -1: it is mandatory.
  if (checks.content_length != static_cast<int64_t>(body.size())) {
    return refuse("ErrContentLengthMismatch", "content-length does not match body size");
  }
  return {};
}

std::string text_of(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() ? std::string() : it->get<std::string>();
}

bool flag_of(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->get<bool>();
}

Checked<void> check_route(const BodyChecks& checks, const Json& request) {
  const std::string model = text_of(request, "model");
  if (model.empty()) return refuse("ErrMissingRequiredField", "missing required field: model");
  if (std::find(checks.models.begin(), checks.models.end(), model) == checks.models.end()) {
    return refuse("ErrUnsupportedModel", "unsupported model: " + model);
  }
  const bool chat = checks.path.ends_with("/chat") || checks.path == "/v1/chat/completions";
  if (chat && !request.contains("messages")) {
    return refuse("ErrMissingRequiredField", "missing required field: messages");
  }
  if (!chat && text_of(request, "prompt").empty()) {
    return refuse("ErrMissingRequiredField", "missing required field: prompt");
  }
  if (checks.badge_models != nullptr &&
      std::find(checks.badge_models->begin(), checks.badge_models->end(), model) == checks.badge_models->end()) {
    return refuse("ErrUnsupportedModel", "unsupported model: " + model);
  }
  return {};
}

}  // namespace

Checked<ValidBody> validate_body(const BodyChecks& checks, ByteView body, std::string_view read_error) {
  if (auto sized = check_sizes(checks, body, read_error); !sized) return std::unexpected(std::move(sized).error());
  auto request = parse_request(checks.path, body);
  if (!request) return std::unexpected(std::move(request).error());
  if (auto checked = check_route(checks, *request); !checked) return std::unexpected(std::move(checked).error());
  ValidBody valid;
  valid.model = text_of(*request, "model");
  valid.stream = flag_of(*request, "stream");
  if (valid.stream && checks.path.starts_with("/v1/")) (*request)["stream_options"]["include_usage"] = true;
  const std::string text = request->dump();
  valid.json.assign(text.begin(), text.end());
  return valid;
}

}  // namespace openpcc::worker
