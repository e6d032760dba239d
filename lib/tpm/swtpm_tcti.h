// swtpm_tcti.h - inside of lib/tpm: a TCTI (TSS 2.0 transport) on swtpm's data channel over a UNIX socket.
//
// The library's own swtpm transport wants swtpm's control channel as well, and that channel hands out the TPM's whole
// state, private keys included, to whoever connects. So swtpm is started without one, and this transport needs none:
// the data channel carries bare commands and bare responses. Answers are checked for size before they are read.
#pragma once

#include <tss2/tss2_tcti.h>

#include <memory>

#include "base/bytes.h"
#include "tpm/connection.h"

namespace openpcc::tpm {

class SwtpmTcti {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SwtpmTcti>> connect(const std::string& path,
                                                                  std::chrono::seconds timeout);
  ~SwtpmTcti();
  SwtpmTcti(const SwtpmTcti&) = delete;
  SwtpmTcti& operator=(const SwtpmTcti&) = delete;

  // Valid while this object is.
  [[nodiscard]] TSS2_TCTI_CONTEXT* context() { return reinterpret_cast<TSS2_TCTI_CONTEXT*>(&base_); }
  void set_timeout(std::chrono::seconds timeout) { timeout_ = timeout; }
  // Why the transport failed; empty while it works.
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  SwtpmTcti(int fd, std::chrono::seconds timeout);
  [[nodiscard]] TSS2_RC transmit(size_t size, const uint8_t* command);
  [[nodiscard]] TSS2_RC receive(size_t* size, uint8_t* response, int32_t timeout_ms);
  // Reads until `have_` reaches `want`.
  [[nodiscard]] TSS2_RC fill(size_t want, int32_t timeout_ms);
  [[nodiscard]] TSS2_RC dead(std::string why);

  TSS2_TCTI_CONTEXT_COMMON_V2 base_{};  // first: the library sees only this
  int fd_;
  std::chrono::seconds timeout_;
  bool waiting_ = false;  // a command is out, its answer not in
  std::array<uint8_t, 4096> buffer_{};
  size_t have_ = 0;
  std::string failure_;
};

}  // namespace openpcc::tpm
