#include "bhttp/message.h"

#include <algorithm>
#include <array>

namespace openpcc::bhttp {

namespace {

constexpr bool is_alnum(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

template <typename Predicate>
bool all_of(std::string_view text, Predicate predicate) {
  return std::all_of(text.begin(), text.end(), [&](char c) { return predicate(static_cast<unsigned char>(c)); });
}

// Go's httpguts.ValidTrailerHeader, besides the prefixes proxy- and if-.
constexpr std::array<std::string_view, 17> kNotInTrailers{
    "authorization", "cache-control", "connection", "content-encoding", "content-length",   "content-range",
    "content-type",  "expect",        "host",       "keep-alive",       "max-forwards",     "pragma",
    "range",         "realm",         "te",         "trailer",          "transfer-encoding"};

}  // namespace

std::optional<std::string_view> find(const Fields& fields, std::string_view lower_case_name) {
  for (const Field& field : fields) {
    if (field.name.size() == lower_case_name.size() && to_lower(field.name) == lower_case_name) return field.value;
  }
  return std::nullopt;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

bool is_token(std::string_view text) {
  return !text.empty() && all_of(text, [](unsigned char c) {
    return is_alnum(c) ||
           (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos);
  });
}

bool is_field_value(std::string_view text) {
  return all_of(text, [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
}

bool is_trailer_name(std::string_view name) {
  return is_token(name) && !name.starts_with("proxy-") && !name.starts_with("if-") && name != "www-authenticate" &&
         std::find(kNotInTrailers.begin(), kNotInTrailers.end(), name) == kNotInTrailers.end();
}

// The characters of Go's httpguts.ValidHostHeader.
bool is_authority(std::string_view text) {
  return !text.empty() && all_of(text, [](unsigned char c) {
    return is_alnum(c) ||
           (c != 0 && std::string_view("!$%&'()*+,-.:;=[]_~").find(static_cast<char>(c)) != std::string_view::npos);
  });
}

bool is_request_target(std::string_view text) {
  if (!all_of(text, [](unsigned char c) { return c > 0x20 && c != 0x7f; })) return false;
  const std::string_view path = text.substr(0, text.find('?'));
  for (size_t i = 0; i < path.size(); ++i) {  // as Go's url.ParseRequestURI: escapes of the path must be whole
    if (path[i] != '%') continue;
    const auto is_hex = [&](size_t at) {
      const char c = at < path.size() ? path[at] : 'x';
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    };
    if (!is_hex(i + 1) || !is_hex(i + 2)) return false;
  }
  if (text == "*" || text.starts_with('/')) return true;
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0 || colon + 3 == text.size()) return false;
  const std::string_view scheme = text.substr(0, colon);
  const bool letter_first = (scheme[0] | 0x20) >= 'a' && (scheme[0] | 0x20) <= 'z';
  return letter_first &&
         all_of(scheme, [](unsigned char c) { return is_alnum(c) || c == '+' || c == '-' || c == '.'; });
}

}  // namespace openpcc::bhttp
