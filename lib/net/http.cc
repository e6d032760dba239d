#include "net/http.h"

#include <algorithm>

namespace openpcc::net {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool is_token(std::string_view name) {
  constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || kSigns.find(c) != std::string_view::npos;
  });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Calls `use` for each item of a comma list.
template <typename Use>
void for_each_item(std::string_view list, Use use) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (const auto item = trim(list.substr(0, comma)); !item.empty()) use(item);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

const std::string* find_field(const Fields& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (same_name(field.name, name)) return &field.value;
  }
  return nullptr;
}

std::string_view field_or_empty(const Fields& fields, std::string_view name) {
  const std::string* value = find_field(fields, name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

void set_field(Fields& fields, std::string_view name, std::string value) {
  remove_field(fields, name);
  fields.push_back({std::string(name), std::move(value)});
}

void remove_field(Fields& fields, std::string_view name) {
  std::erase_if(fields, [&](const Field& field) { return same_name(field.name, name); });
}

bool is_valid(const Field& field) {
  return is_token(field.name) && std::all_of(field.value.begin(), field.value.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
         });
}

void remove_hop_by_hop(Fields& fields) {
  std::vector<std::string> listed;  // in lower case and sorted: a peer may list thousands
  bool te_trailers = false;
  for (const Field& field : fields) {
    if (same_name(field.name, "Connection")) {
      for_each_item(field.value, [&](std::string_view item) { listed.push_back(to_lower(item)); });
    } else if (same_name(field.name, "Te")) {
      for_each_item(field.value, [&](std::string_view item) { te_trailers |= same_name(item, "trailers"); });
    }
  }
  std::sort(listed.begin(), listed.end());
  constexpr std::string_view kAlways[] = {
      "Connection", "Keep-Alive",        "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te",
      "Trailer",    "Transfer-Encoding", "Upgrade"};
  std::erase_if(fields, [&](const Field& field) {
    const auto same = [&](std::string_view name) { return same_name(field.name, name); };
    return std::any_of(std::begin(kAlways), std::end(kAlways), same) ||
           (!listed.empty() && std::binary_search(listed.begin(), listed.end(), to_lower(field.name)));
  });
  if (te_trailers) fields.push_back({"Te", "trailers"});
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Request Entity Too Large";
    case 414:
      return "Request URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace openpcc::net
