// url.h - absolute http and https URLs, parsed strictly: what is ambiguous or has no meaning here is an error.
// Pure; input may be hostile (nodes register their own URLs).
#pragma once

#include "base/bytes.h"

namespace openpcc::net {

inline constexpr ErrorCode kBadUrl{"net.bad_url"};  // not an http or https URL of the accepted form

struct Url {
  static constexpr size_t kMaxSize = 2048;

  bool https = false;
  std::string host;          // lower case; an IPv6 address without its brackets
  uint16_t port = 80;        // the scheme's default where the URL names none
  std::string target = "/";  // path and query as they go into the request line; starts with '/'

  // "host" or "host:port" as in a Host field: brackets around IPv6, no default port.
  [[nodiscard]] std::string authority() const;
  // "http://host:port": equal for two URLs that can share a connection.
  [[nodiscard]] std::string origin() const;
  [[nodiscard]] std::string to_string() const;
  // The same server, with `path` (starts with '/') appended to this URL's path; this URL's query is dropped.
  [[nodiscard]] Url with_path(std::string_view path) const;
  friend bool operator==(const Url&, const Url&) = default;
};

// Refused: other schemes, user names, fragments, empty or odd hosts, port 0, white space, control and non-ASCII
// characters, more than kMaxSize bytes.
[[nodiscard]] Result<Url> parse_url(std::string_view text);

}  // namespace openpcc::net
