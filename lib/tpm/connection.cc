#include "tpm/connection.h"

#include <charconv>
#include <optional>

namespace openpcc::tpm {

namespace {

struct Address {
  std::string host;
  uint16_t port;
};

std::optional<Address> parse_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  Address out{std::string(text.substr(0, colon)), 0};
  // A comma would end the value in the transport's own syntax.
  if (out.host.find_first_of(",= ") != std::string::npos) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc{} || end != digits.data() + digits.size() || out.port == 0) return std::nullopt;
  return out;
}

}  // namespace

Result<Connection> Connection::mssim(std::string_view cmd_address, std::string_view platform_address) {
  const auto command = parse_address(cmd_address.empty() ? "127.0.0.1:2321" : cmd_address);
  if (!command) return fail(kBadAddress, "the simulator's command address is not host:port");
  if (!platform_address.empty()) {
    const auto platform = parse_address(platform_address);
    if (!platform) return fail(kBadAddress, "the simulator's platform address is not host:port");
    if (platform->host != command->host || platform->port != command->port + 1) {
      return fail(kBadAddress,
                  "the simulator's platform port must be the one after its command port, on the same host");
    }
  }
  return mssim(command->host, command->port);
}

Connection Connection::device(std::string path) {
  Connection out;
  out.kind = Kind::kDevice;
  out.path = std::move(path);
  return out;
}

Connection Connection::swtpm(std::string socket_path) {
  Connection out;
  out.kind = Kind::kSwtpm;
  out.path = std::move(socket_path);
  return out;
}

Connection Connection::mssim(std::string host, uint16_t port) {
  Connection out;
  out.kind = Kind::kMssim;
  out.host = std::move(host);
  out.port = port;
  return out;
}

std::string Connection::describe() const {
  switch (kind) {
    case Kind::kDevice:
      return "device " + path;
    case Kind::kSwtpm:
      return "swtpm at " + path;
    case Kind::kMssim:
      return "simulator at " + host + ":" + std::to_string(port);
  }
  return {};
}

}  // namespace openpcc::tpm
