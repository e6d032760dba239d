#include "worker/validate_head.h"

#include <algorithm>
#include <array>
#include <vector>

namespace openpcc::worker {
namespace {

constexpr size_t kMaxHeaderSize = 1024;
constexpr std::array<std::string_view, 4> kPaths = {"/api/generate", "/api/chat", "/v1/completions",
                                                    "/v1/chat/completions"};

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

std::string_view value_of(const bhttp::Fields& fields, std::string_view name) {
  const auto field = std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.name == name; });
  return field == fields.end() ? std::string_view() : std::string_view(field->value);
}

// "content-type" -> "Content-Type", as Go prints header names.
std::string canonical_name(std::string_view name) {
  std::string out;
  bool first = true;
  for (const char c : name) {
    out += first ? upper(c) : c;
    first = c == '-';
  }
  return out;
}

// Go's path.Clean("/" + strings.Trim(path, "/")).
std::string clean_path(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else {
      parts.push_back(part);
    }
  }
  std::string out;
  for (const std::string_view part : parts) out.append("/").append(part);
  return out.empty() ? "/" : out;
}

Checked<void> check_endpoint(const bhttp::RequestHead& head) {
  const size_t question = head.path.find('?');
  if (question != std::string::npos && question + 1 < head.path.size()) {
    return refuse("ErrQueryParamsNotAllowed", "not supported: query params");
  }
  // A path with an escape in it is never its own decoded form.
  if (question != std::string::npos || head.path.find('%') != std::string::npos || clean_path(head.path) != head.path) {
    return refuse("ErrInvalidRequestURI", "suspicious path: " + head.path);
  }
  if (std::find(kPaths.begin(), kPaths.end(), head.path) == kPaths.end()) {
    return refuse("ErrUnsupportedPath", "not supported: " + head.path, 404);
  }
  if (head.method != "POST") {
    return refuse("ErrUnsupportedMethod", "not supported: " + head.method + " " + head.path);
  }
  return {};
}

Checked<void> check_headers(const bhttp::RequestHead& head, bool badge_required) {
  if (value_of(head.fields, "transfer-encoding") == "chunked") {
    return refuse("ErrTransferEncodingNotAllowed", "transfer-encoding=chunked not allowed");
  }
  if (value_of(head.fields, "content-type") != "application/json") {
    return refuse("ErrContentTypeNotAllowed", "Content-Type header must be set to application/json");
  }
  for (const bhttp::Field& field : head.fields) {
    if (field.name == "transfer-encoding" || field.name == "content-encoding") {
      return refuse("ErrHeaderNotAllowed", "header not allowed: " + canonical_name(field.name));
    }
    size_t size = 0;
    for (const bhttp::Field& other : head.fields) size += other.name == field.name ? other.value.size() : 0;
    if (size > kMaxHeaderSize) {
      return refuse("ErrHeaderTooLarge", "header size exceeds max size: " + canonical_name(field.name));
    }
  }
  if (badge_required && value_of(head.fields, kBadgeHeader).empty()) {
    return refuse("ErrBadgeInvalid", "badge is not provided");
  }
  return {};
}

}  // namespace

Checked<void> validate_head(const bhttp::RequestHead& head, bool badge_required) {
  if (auto checked = check_endpoint(head); !checked) return checked;
  if (auto checked = check_headers(head, badge_required); !checked) return checked;
  if (head.authority != kHost) return refuse("ErrUnknownHostname", "unknown hostname");
  return {};
}

}  // namespace openpcc::worker
