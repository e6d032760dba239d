// notify.h - tells a supervisor that the program is ready, and again and again that it still works, in the way of
// sd_notify(3) and sd_watchdog_enabled(3), without their library.
#pragma once

#include <optional>

#include "process/fd.h"

namespace openpcc::process {

// Sends "READY=1" to the datagram socket that NOTIFY_SOCKET names. Without that variable: nothing, and no error.
[[nodiscard]] Status notify_ready();

// How often the supervisor wants to hear from this process: half of WATCHDOG_USEC. Nothing where it does not ask, or
// asks another process (WATCHDOG_PID).
[[nodiscard]] std::optional<Clock::duration> watchdog_interval();

// For programs with a loop of their own: ask next() how long they may wait, and call tick() on each turn. What hangs in
// between is noticed by the supervisor, which ends the program.
class Watchdog {
 public:
  Watchdog();
  [[nodiscard]] Deadline next() const { return next_; }  // kForever where nobody asks
  void tick();                                           // sends "WATCHDOG=1" when it is due

 private:
  std::optional<Clock::duration> interval_;
  Deadline next_ = kForever;
};

// For programs that keep their own time. An error is not worth more than the supervisor's reaction to it.
void notify_watchdog();

}  // namespace openpcc::process
