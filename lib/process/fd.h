// fd.h - file descriptors that close themselves, waiting with a deadline, and the errors of this library.
//
// Everything lib/process opens is close-on-exec. Thread-safe: plain values and system calls.
#pragma once

#include <chrono>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace openpcc::process {

inline constexpr ErrorCode kSystem{"process.system"};           // a system call failed; the message names it
inline constexpr ErrorCode kBadUser{"process.bad_user"};        // run_as names nobody, or is no number
inline constexpr ErrorCode kNotAllowed{"process.not_allowed"};  // this would need root
inline constexpr ErrorCode kUnsafePath{"process.unsafe_path"};  // others could exchange the socket, or it is no socket
inline constexpr ErrorCode kWrongPeer{"process.wrong_peer"};    // the peer's uid is not the one expected
inline constexpr ErrorCode kTimeout{"process.timeout"};         // the deadline passed
inline constexpr ErrorCode kPeerClosed{"process.peer_closed"};  // the peer closed where a message could have begun
inline constexpr ErrorCode kBadMessage{"process.bad_message"};  // cut inside, longer than the cap, or wrong descriptors

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
inline constexpr Deadline kForever = Deadline::max();
[[nodiscard]] inline Deadline within(Clock::duration time) {
  return Clock::now() + time;
}

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// "CALL: text of errno". Call it before errno can change.
[[nodiscard]] std::unexpected<Error> system_failure(std::string_view call);

// Closes every descriptor but standard input, output, error and those of `keep` (in any order).
[[nodiscard]] Status close_all_but(std::span<const int> keep);

// Through exec; everything that this library opens is otherwise closed there.
[[nodiscard]] Status set_close_on_exec(int fd, bool on);

// Every descriptor that is open now, standard ones too, as /proc/self/fd has them.
[[nodiscard]] Result<std::vector<int>> open_descriptors();

[[nodiscard]] Status set_nonblocking(int fd, bool on);

// Waits until one of poll(2)'s `events` is there (or the peer hung up). kTimeout when the deadline passed first.
[[nodiscard]] Status wait_for(int fd, short events, Deadline deadline);

}  // namespace openpcc::process
