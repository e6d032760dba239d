// service.h - the loop of tpm_broker: one control connection, many private pairs, one ECDH for each.
//
// One thread, one poll loop. A pair that stalls, sends too much, too little or a descriptor costs nobody else anything;
// the TPM itself does one operation at a time. What the peers control: the 65 bytes of each pair, and when they send.
#pragma once

#include <functional>
#include <list>
#include <optional>

#include "broker/protocol.h"
#include "process/notify.h"
#include "process/signals.h"

namespace openpcc::broker {

struct ServiceOptions {
  uid_t worker_uid = 0;                                               // who may connect, beside root
  size_t max_pairs = 256;                                             // waiting at one time; more are closed unread
  process::Clock::duration pair_limit = std::chrono::seconds(30);     // from the offer to the end of the point
  process::Clock::duration check_interval = std::chrono::seconds(5);  // between looks at an idle TPM
};

// What the service asks of the TPM. Errors: crypto::kBadPublicKey and tpm::kBadPoint are the sender's fault; tpm::kLost
// ends the service.
struct TpmAccess {
  std::function<Result<SecretBytes>(ByteView enc65)> zgen;
  std::function<Status()> check;  // is it still there?
  // Whatever makes the next zgen quicker; called while nobody waits for one.
  std::function<Status()> prepare = [] { return Status(); };
};

class Service {
 public:
  // `listener`: of process::listen_unix. SIGTERM and SIGINT are blocked from here on.
  [[nodiscard]] static Result<Service> create(process::UniqueFd listener, ServiceOptions options, TpmAccess access);
  // Until SIGTERM or SIGINT: success. An error when the TPM was lost.
  [[nodiscard]] Status run();

 private:
  struct Pair {
    process::UniqueFd fd;
    process::Deadline deadline;
    Bytes received;
    bool over = false;
  };

  Service(process::UniqueFd listener, ServiceOptions options, TpmAccess access, process::SignalFd signals);
  [[nodiscard]] int poll_timeout() const;
  void accept_control();
  void read_control();
  [[nodiscard]] Status read_pair(Pair& pair);
  [[nodiscard]] Status answer(Pair& pair);
  [[nodiscard]] Status check_tpm();
  [[nodiscard]] Status prepare();

  process::UniqueFd listener_;
  ServiceOptions options_;
  TpmAccess access_;
  process::SignalFd signals_;
  process::Watchdog watchdog_;
  process::UniqueFd control_;
  std::list<Pair> pairs_;
  process::Deadline next_check_;
  bool prepared_ = false;
  uint64_t served_ = 0;
  uint64_t refused_ = 0;
  std::chrono::nanoseconds tpm_time_{};
};

}  // namespace openpcc::broker
