// signals.h - signals as readable events. Block them before any thread is made.
#pragma once

#include <initializer_list>

#include "process/fd.h"

namespace openpcc::process {

class SignalFd {
 public:
  // Blocks these signals in the calling thread (and threads made later) and opens a non-blocking descriptor for them.
  [[nodiscard]] static Result<SignalFd> create(std::initializer_list<int> signals);

  [[nodiscard]] int fd() const { return fd_.get(); }
  // The next pending signal's number, 0 when there is none.
  [[nodiscard]] Result<int> next();

 private:
  explicit SignalFd(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// In a child after fork: unblocks every signal and puts default actions back.
void restore_signals();

}  // namespace openpcc::process
