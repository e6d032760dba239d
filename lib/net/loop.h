// loop.h - an event loop with its deadlines, and a set of such loops with a thread each.
//
// One thread runs one loop. Objects made on a loop are used on its thread only; the loops themselves may be posted to
// from any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "net/asio.h"

namespace openpcc::net {

class Deadlines;

// Calls back once when its time has come. Setting and clearing is cheap: one timer serves all deadlines of a loop, and
// it is touched only when a deadline is earlier than everything before.
class Deadline {
 public:
  Deadline(Deadlines& owner, std::function<void()> on_expired);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void set_after(Clock::duration duration);
  void clear() { at_ = Clock::time_point::max(); }

 private:
  friend class Deadlines;
  Deadlines& owner_;
  std::function<void()> on_expired_;
  Clock::time_point at_ = Clock::time_point::max();
  Deadline* previous_ = nullptr;
  Deadline* next_ = nullptr;
};

// All deadlines of a loop. They fire up to kGrain late.
class Deadlines {
 public:
  static constexpr std::chrono::milliseconds kGrain{20};

 private:
  friend class Deadline;
  friend struct Loop;
  void add(Deadline& item);
  void remove(Deadline& item);
  void arm(Clock::time_point at);
  void fire();

  std::optional<Timer> timer_;  // gone while the loop is being destroyed: items may still come off the list then
  Clock::time_point armed_ = Clock::time_point::max();
  Deadline* first_ = nullptr;
  Deadline* walking_ = nullptr;  // the next item of the walk in fire(), kept right when callbacks destroy items
};

// Waits in one coroutine for another of the same loop.
class Event {
 public:
  explicit Event(asio::io_context& io) : timer_(io, Clock::time_point::max()) {}
  void set() {
    set_ = true;
    timer_.cancel();
  }
  [[nodiscard]] bool is_set() const { return set_; }
  [[nodiscard]] Task<void> wait();

 private:
  Timer timer_;
  bool set_ = false;
};

struct Loop {
  Loop() { deadlines.timer_.emplace(io); }
  // Coroutines that still wait are destroyed with `io`, and their deadlines with them: so `deadlines` goes last.
  ~Loop() { deadlines.timer_.reset(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  Deadlines deadlines;
  asio::io_context io{1};  // one thread
};

// Returns after that time, or at once when the loop stops.
[[nodiscard]] Task<void> sleep_for(Loop& loop, Clock::duration duration);

// Calls at once and then in these intervals, on the loop's thread, until the loop ends: a sign that it still turns.
void call_every(Loop& loop, Clock::duration interval, std::function<void()> call);

class Loops {
 public:
  // 0: as many as there are processors.
  explicit Loops(unsigned count);
  ~Loops();  // stop()
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;

  [[nodiscard]] size_t size() const { return loops_.size(); }
  [[nodiscard]] Loop& operator[](size_t index) { return *loops_[index]; }
  // Starts the threads, with all signals blocked in them.
  void start();
  // Ends the threads without waiting for what they were doing. Coroutines that wait are destroyed with the loops.
  void stop();

 private:
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<asio::executor_work_guard<Executor>> guards_;
  std::vector<std::thread> threads_;
};

}  // namespace openpcc::net
