// swtpm_for_testing.h - a real software TPM for one test: started on a UNIX socket with mode 0600 in a private
// directory, stopped and removed with the object, and killed by the kernel when the test itself dies.
#pragma once

#include <sys/types.h>

#include <string>

#include "tpm/connection.h"

namespace openpcc::tpm {

inline constexpr ErrorCode kNoSwtpm{
    "tpm.no_swtpm"};  // swtpm is not installed, or did not come up; the message says why

class SwtpmForTesting {
 public:
  // Fresh state, TPM2_Startup done. Takes some 100 ms.
  [[nodiscard]] static Result<SwtpmForTesting> start();
  ~SwtpmForTesting();
  SwtpmForTesting(SwtpmForTesting&& other) noexcept;
  SwtpmForTesting& operator=(SwtpmForTesting&&) = delete;

  [[nodiscard]] Connection connection() const { return Connection::swtpm(socket_path()); }
  [[nodiscard]] std::string socket_path() const { return directory_ + "/tpm.sock"; }
  [[nodiscard]] const std::string& directory() const { return directory_; }  // mode 0700, removed at the end
  [[nodiscard]] pid_t pid() const { return pid_; }

  // Kills it, as a crash would: PCRs and transient objects are gone, persistent keys and NV stay.
  void kill();
  // Starts it again on the same state, like a reboot.
  [[nodiscard]] Status restart();

 private:
  SwtpmForTesting() = default;
  [[nodiscard]] Status spawn();
  std::string directory_;
  pid_t pid_ = -1;
};

}  // namespace openpcc::tpm
