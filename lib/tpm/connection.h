// connection.h - where a TPM is found: a device, swtpm on a UNIX socket, or the Microsoft/TCG simulator on TCP.
#pragma once

#include <chrono>

#include "base/bytes.h"

namespace openpcc::tpm {

inline constexpr ErrorCode kBadAddress{"tpm.bad_address"};  // a simulator address that is not host:port, or not usable

struct Connection {
  enum class Kind {
    kDevice,  // a character device; /dev/tpmrm0 has the kernel's resource manager
    kSwtpm,   // swtpm's data channel on a UNIX socket: one client at a time
    kMssim,   // simulator protocol on TCP, command port `port`, platform port `port` + 1
  };

  Kind kind = Kind::kDevice;
  std::string path = "/dev/tpmrm0";  // of the device or the socket
  std::string host = "127.0.0.1";    // kMssim
  uint16_t port = 2321;              // kMssim
  // kSwtpm: for one answer; making an RSA key takes seconds on a slow machine. The first answer has at most
  // kFirstAnswer: who gets none then stands behind another client.
  std::chrono::seconds timeout{60};
  static constexpr std::chrono::seconds kFirstAnswer{15};

  [[nodiscard]] static Connection device(std::string path);
  [[nodiscard]] static Connection swtpm(std::string socket_path);
  [[nodiscard]] static Connection mssim(std::string host, uint16_t port);
  // From the official keys simulator_cmd_address and simulator_platform_address ("host:port", either may be empty: then
  // 127.0.0.1:2321 and the port after the command port). kBadAddress otherwise: tpm2-tss knows no other platform port.
  [[nodiscard]] static Result<Connection> mssim(std::string_view cmd_address, std::string_view platform_address);

  // "device /dev/tpmrm0", for logs.
  [[nodiscard]] std::string describe() const;
};

}  // namespace openpcc::tpm
