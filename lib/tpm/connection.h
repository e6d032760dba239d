// connection.h - where a TPM is found: a device, swtpm on a UNIX socket, or the Microsoft/TCG simulator on TCP.
#pragma once

#include <chrono>

#include "base/bytes.h"

namespace openpcc::tpm {

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
  std::chrono::seconds timeout{60};  // kSwtpm: for one answer; making an RSA key takes seconds on a slow machine

  [[nodiscard]] static Connection device(std::string path);
  [[nodiscard]] static Connection swtpm(std::string socket_path);
  [[nodiscard]] static Connection mssim(std::string host, uint16_t port);

  // "device /dev/tpmrm0", for logs.
  [[nodiscard]] std::string describe() const;
};

}  // namespace openpcc::tpm
