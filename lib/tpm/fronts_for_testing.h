// fronts_for_testing.h - the other two ways to a TPM, in front of a real swtpm: the simulator protocol on TCP, and a
// character device. For tests on machines that have neither.
#pragma once

#include <memory>
#include <string>

#include "tpm/connection.h"

namespace openpcc::tpm {

// Each gives commands on to the swtpm at `socket_path` from a thread of its own, for as long as it lives. Destroyed:
// the connection of whoever uses it breaks.
class TpmFront {
 public:
  virtual ~TpmFront() = default;
  [[nodiscard]] virtual Connection connection() const = 0;
};

// The TCG simulator's protocol: a command port, and a platform port one above it.
[[nodiscard]] std::unique_ptr<TpmFront> mssim_front(const std::string& socket_path);
// A terminal in raw mode: a character device that takes a command with one write and has its answer for the next read.
[[nodiscard]] std::unique_ptr<TpmFront> device_front(const std::string& socket_path);

}  // namespace openpcc::tpm
