// thread_shares.h - how many threads each child at work may compute with: the parent shares the processors out anew
// whenever a request begins or ends, and a child looks before each token.
//
// Memory that parent and children share: the parent alone can write it. Children have it mapped for reading, and the
// kernel gives nobody a mapping to write it any more (F_SEAL_FUTURE_WRITE, Linux 5.1). What a child can read there is
// how many requests run. Belongs to the parent's one thread.
#pragma once

#include <atomic>
#include <vector>

#include "process/fd.h"

namespace openpcc::worker {

using ThreadShare = std::atomic<uint16_t>;  // at least 1

class ThreadShares {
 public:
  // For children in `slots` slots, at most 65536, and `threads` to be shared out, at most 65535.
  [[nodiscard]] static Result<ThreadShares> create(size_t slots, uint32_t threads);
  ThreadShares(ThreadShares&& other) noexcept;
  ThreadShares& operator=(ThreadShares&&) = delete;
  ~ThreadShares();

  // Among those at work, the first of them get what cannot be divided. One that is alone gets all.
  void share_out(const std::vector<size_t>& slots_at_work);

  // What a forked child looks at; mapped for as long as the process lives.
  [[nodiscard]] const ThreadShare& of(size_t slot) const { return read_[slot]; }

  // For a child that is executed afresh: the descriptor that it must inherit, and what it looks at. The descriptor is
  // closed, the memory stays mapped. kSystem where it is something else.
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] static Result<const ThreadShare*> look(process::UniqueFd fd, size_t slot);

 private:
  ThreadShares(process::UniqueFd fd, ThreadShare* write, const ThreadShare* read, size_t slots, uint32_t threads);

  process::UniqueFd fd_;
  ThreadShare* write_;  // not inherited by children
  const ThreadShare* read_;
  size_t slots_;
  uint32_t threads_;
};

}  // namespace openpcc::worker
