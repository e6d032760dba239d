#include "net/error_body.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/limits.h"

namespace openpcc::net {
namespace {

// Protobuf message httpfmt Error { string Message = 1; }: small enough to write here.
constexpr char kMessageTag = 0x0a;

std::string protobuf_text(std::string_view message) {
  std::string out(1, kMessageTag);
  for (size_t left = message.size();; left >>= 7) {
    const bool more = left > 0x7f;
    out += static_cast<char>((left & 0x7f) | (more ? 0x80 : 0));
    if (!more) break;
  }
  out += message;
  return out;
}

// The field 1 of a message that holds nothing else; empty where it is anything else or cut.
std::string_view read_protobuf_text(std::string_view body) {
  if (body.empty() || body[0] != kMessageTag) return {};
  body.remove_prefix(1);
  size_t size = 0;
  for (int shift = 0; shift < 28; shift += 7) {
    if (body.empty()) return {};
    const auto byte = static_cast<unsigned char>(body[0]);
    body.remove_prefix(1);
    size |= static_cast<size_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return body.size() == size ? body : std::string_view();
  }
  return {};
}

// The length of the character at `at`, and whether a terminal only shows it; {1, false} for what is not UTF-8.
std::pair<size_t, bool> character(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(at);
  if (first < 0x80) return {1, first >= 0x20 && first != 0x7f};
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || size > text.size() - at) return {1, false};
  uint32_t code = first & (0xffU >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {1, false};
    code = code << 6 | (byte(at + i) & 0x3fU);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {1, false};
  // C1 controls (0x9b begins an escape sequence), marks of direction, line and paragraph separators.
  const bool acts = code < 0xa0 || code == 0x61c || code == 0x200e || code == 0x200f ||
                    (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return {size, !acts};
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto [size, harmless] = character(text, at);
    out += harmless ? text.substr(at, size) : std::string_view(" ");
    at += size;
  }
  return out;
}

}  // namespace

Reply protobuf_error(int status, std::string_view message) {
  return {status, "application/octet-stream", protobuf_text(message)};
}

Reply json_error(int status, std::string_view message) {
  const nlohmann::json body{{"error", message}};
  return {status, "application/json", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

Reply text_error(int status, std::string_view message) {
  return {status, "text/plain; charset=utf-8", std::string(message) + "\n"};
}

std::string error_message(std::string_view content_type, ByteView body) {
  const std::string_view text = as_text(body.first(std::min(body.size(), limits::kErrorBody)));
  std::string out;
  if (content_type == "application/octet-stream") {
    out = read_protobuf_text(text);
  } else if (content_type == "application/json") {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_object() && json.contains("error") && json["error"].is_string()) {
      out = json["error"].get<std::string>();
    }
  } else {
    out = text;
  }
  out = printable(out);
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace openpcc::net
