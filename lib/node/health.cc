#include "node/health.h"

#include <algorithm>

namespace openpcc::node {

Status GraderConfig::validate() const {
  if (min_checks < 1) return fail(kBadGrader, "min_checks must be at least 1");
  if (!(min_success_rate >= 0 && min_success_rate <= 1))
    return fail(kBadGrader, "min_success_rate must be from 0 to 1");
  if (max_recent_failure_streak < 0) return fail(kBadGrader, "max_recent_failure_streak must be at least 0");
  if (max_age.count() <= 0) return fail(kBadGrader, "max_age must be more than 0");
  if (max_recent_failure_streak == 0 && min_success_rate == 0) {
    return fail(kBadGrader, "min_success_rate and max_recent_failure_streak cannot both be 0: nothing would ever fail");
  }
  if (static_cast<size_t>(min_checks) > History::kMaxChecks) {
    return fail(kBadGrader, "min_checks is more than is ever kept");
  }
  return {};
}

bool History::insert(Check check) {
  if (std::find(checks_.begin(), checks_.end(), check) != checks_.end()) return false;
  const auto place = std::upper_bound(checks_.begin(), checks_.end(), check.timestamp,
                                      [](Time time, const Check& existing) { return time < existing.timestamp; });
  checks_.insert(place, std::move(check));
  if (checks_.size() > kMaxChecks) checks_.pop_front();
  return true;
}

void History::forget_before(Time cutoff) {
  while (!checks_.empty() && checks_.front().timestamp < cutoff) checks_.pop_front();
}

Grade History::grade(const GraderConfig& config, Time now) const {
  const Time cutoff = now - config.max_age;
  size_t total = 0;
  size_t successes = 0;
  int streak = 0;
  bool failing = true;
  for (auto check = checks_.rbegin(); check != checks_.rend() && check->timestamp >= cutoff; ++check) {
    ++total;
    if (check->successful()) {
      ++successes;
      failing = false;
    } else if (failing) {
      ++streak;
    }
  }
  if (total < static_cast<size_t>(config.min_checks)) return Grade::kUnknown;
  if (config.max_recent_failure_streak != 0 && streak >= config.max_recent_failure_streak) return Grade::kUnavailable;
  if (config.min_success_rate != 0 &&
      static_cast<double>(successes) / static_cast<double>(total) < config.min_success_rate) {
    return Grade::kUnavailable;
  }
  return Grade::kOk;
}

}  // namespace openpcc::node
