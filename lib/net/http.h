// http.h - HTTP/1.1 message heads as values, the codes of lib/net, and the rules about fields (RFC 9110, RFC 9112).
// Pure values, no Asio: for every header above lib/net.
#pragma once

#include <optional>

#include "base/bytes.h"

namespace openpcc::net {

inline constexpr ErrorCode kConnectFailed{
    "net.connect_failed"};                                // name not found, refused, or no route; nothing was sent
inline constexpr ErrorCode kTlsFailed{"net.tls_failed"};  // handshake failed or the certificate does not hold
inline constexpr ErrorCode kTimeout{"net.timeout"};       // the peer took longer than the limit allows
inline constexpr ErrorCode kCancelled{"net.cancelled"};   // the caller's own cancellation
inline constexpr ErrorCode kCutOff{"net.cut_off"};        // the connection ended inside a message: what came is not all
inline constexpr ErrorCode kBadHttp{"net.bad_http"};      // the peer does not speak HTTP/1.1, or in an ambiguous way
inline constexpr ErrorCode kTooLarge{"net.too_large"};    // head, trailers or body are larger than the limit
inline constexpr ErrorCode kBadField{"net.bad_field"};  // a field of ours that cannot be sent (its name or line breaks)
inline constexpr ErrorCode kSystem{"net.system"};       // the operating system refused (address in use, descriptors)

struct Field {
  std::string name;
  std::string value;
  friend bool operator==(const Field&, const Field&) = default;
};
using Fields = std::vector<Field>;

struct RequestHead {
  std::string method;
  std::string target;  // as in the request line
  Fields fields;
};

struct ResponseHead {
  int status = 0;
  Fields fields;
};

// Names compare without case (ASCII).
[[nodiscard]] bool same_name(std::string_view a, std::string_view b);
// The value of the first field of that name, or null. Valid while the fields are.
[[nodiscard]] const std::string* find_field(const Fields& fields, std::string_view name);
// The value of the first field of that name, or empty, as Go's Header.Get.
[[nodiscard]] std::string_view field_or_empty(const Fields& fields, std::string_view name);
// Replaces all fields of that name by one.
void set_field(Fields& fields, std::string_view name, std::string value);
void remove_field(Fields& fields, std::string_view name);
// Name is a token, value has no line break or other control character.
[[nodiscard]] bool is_valid(const Field& field);

// Removes the fields that are for one connection only (RFC 9110 §7.6.1): Connection and what it lists, Keep-Alive,
// Proxy-Connection, Proxy-Authenticate, Proxy-Authorization, Te, Trailer, Transfer-Encoding, Upgrade. Keeps "Te:
// trailers" where it was, as Go's ReverseProxy does.
void remove_hop_by_hop(Fields& fields);

// "Bad Request" for 400; "" for a code that has no name here.
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace openpcc::net
