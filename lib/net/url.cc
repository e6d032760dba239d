#include "net/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace openpcc::net {
namespace {

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::unexpected<Error> bad(std::string_view why) {
  return fail(kBadUrl, "not a usable URL: " + std::string(why));
}

// Takes "http://" or "https://" (any case) off the front.
bool take_scheme(std::string_view& text, std::string_view scheme) {
  if (text.size() < scheme.size()) return false;
  for (size_t i = 0; i < scheme.size(); ++i) {
    if (lower(text[i]) != scheme[i]) return false;
  }
  text.remove_prefix(scheme.size());
  return true;
}

Status check_host(const std::string& host, bool bracketed) {
  if (bracketed) {
    in6_addr address{};
    if (::inet_pton(AF_INET6, host.c_str(), &address) != 1) return bad("no IPv6 address between the brackets");
    return {};
  }
  if (host.empty() || host.size() > 253) return bad("no host, or one that is too long");
  if (!std::all_of(host.begin(), host.end(), is_host_char)) return bad("a character that no host name has");
  if (host.front() == '.' || host.front() == '-' || host.find("..") != std::string::npos) {
    return bad("a malformed host name");
  }
  return {};
}

}  // namespace

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (https ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::origin() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (https ? "https://" : "http://") + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Url::to_string() const {
  return (https ? "https://" : "http://") + authority() + target;
}

Url Url::with_path(std::string_view path) const {
  Url out = *this;
  out.target = target.substr(0, target.find('?'));
  while (out.target.ends_with('/')) out.target.pop_back();
  out.target += path;
  return out;
}

Result<Url> parse_url(std::string_view text) {
  if (text.size() > Url::kMaxSize) return bad("too long");
  for (const char c : text) {
    if (c <= ' ' || c >= 0x7f) return bad("white space, a control character or a character beyond ASCII");
    if (c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`' || c == '{' || c == '|' || c == '}') {
      return bad("a character that must be percent-encoded");
    }
    if (c == '#') return bad("it has a fragment");
  }
  Url url;
  if (take_scheme(text, "https://")) {
    url.https = true;
    url.port = 443;
  } else if (!take_scheme(text, "http://")) {
    return bad("it must start with http:// or https://");
  }
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, end);
  text.remove_prefix(end);
  if (authority.find('@') != std::string_view::npos) return bad("it holds a user name");

  std::string_view host;
  const bool bracketed = authority.starts_with('[');
  if (bracketed) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return bad("a bracket is not closed");
    host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
    if (!authority.empty() && authority[0] != ':') return bad("text after the closing bracket");
  } else {
    const size_t colon = std::min(authority.find(':'), authority.size());
    host = authority.substr(0, colon);
    authority.remove_prefix(colon);
  }
  url.host.resize(host.size());
  std::transform(host.begin(), host.end(), url.host.begin(), lower);
  OPENPCC_TRY_STATUS(check_host(url.host, bracketed));

  if (!authority.empty()) {
    authority.remove_prefix(1);  // the colon
    const auto [stop, error] = std::from_chars(authority.data(), authority.data() + authority.size(), url.port);
    if (authority.empty() || error != std::errc() || stop != authority.data() + authority.size() || url.port == 0) {
      return bad("the port is not a number from 1 to 65535");
    }
  }
  if (text.empty()) return url;
  url.target = text[0] == '/' ? std::string(text) : "/" + std::string(text);
  return url;
}

}  // namespace openpcc::net
