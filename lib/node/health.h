// health.h - the record of a node's health checks and what it is worth (openpcc router/health/history.go, grader.go).
//
// Pure: the time is a parameter. Not thread-safe by itself; the registry guards it.
#pragma once

#include <chrono>
#include <deque>

#include "base/bytes.h"

namespace openpcc::node {

inline constexpr ErrorCode kBadGrader{"node.bad_grader"};  // grading rules that could never work

using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

struct Check {
  Time timestamp;
  std::chrono::nanoseconds latency{0};
  int http_status = 0;        // 0: no answer
  std::string error_message;  // what a failing node said; shortened by who makes the check

  [[nodiscard]] bool successful() const { return http_status >= 200 && http_status <= 299; }
  friend bool operator==(const Check&, const Check&) = default;
};

enum class Grade { kUnknown, kOk, kUnavailable };

struct GraderConfig {
  int min_checks = 3;                 // fewer in the window: unknown
  double min_success_rate = 0.9;      // 0: not looked at
  int max_recent_failure_streak = 3;  // this many failures at the end: unavailable. 0: not looked at
  std::chrono::nanoseconds max_age = std::chrono::minutes(15);  // of a check, and of a node's last event

  // min_checks >= 1, the rate in [0, 1], the streak >= 0, max_age > 0, and not both rate and streak 0.
  [[nodiscard]] Status validate() const;
};

class History {
 public:
  static constexpr size_t kMaxChecks = 1024;  // the oldest go first

  // Exact duplicates are ignored; the order is that of the timestamps. False: nothing changed.
  bool insert(Check check);
  // Forgets checks older than that; no grade looks at them.
  void forget_before(Time cutoff);
  [[nodiscard]] Grade grade(const GraderConfig& config, Time now) const;
  [[nodiscard]] const std::deque<Check>& checks() const { return checks_; }

 private:
  std::deque<Check> checks_;  // oldest first
};

}  // namespace openpcc::node
