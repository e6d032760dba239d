#include "node/health.h"

#include <gtest/gtest.h>

#include <cmath>

namespace openpcc::node {
namespace {

using namespace std::chrono_literals;

const Time kNow = Time(1'700'000'000s);

// One check a minute, the last one now: '+' succeeded, '-' failed.
History history(std::string_view marks) {
  History out;
  for (size_t i = 0; i < marks.size(); ++i) {
    const auto ago = std::chrono::minutes(marks.size() - 1 - i);
    out.insert({kNow - ago, 1ms, marks[i] == '+' ? 200 : 500, ""});
  }
  return out;
}

TEST(Grade, FollowsTheOfficialRules) {
  struct Row {
    const char* marks;
    Grade want;
  };
  const Row rows[] = {
      {"", Grade::kUnknown},
      {"++", Grade::kUnknown},
      {"--", Grade::kUnknown},  // too few to say anything
      {"+++", Grade::kOk},
      {"---", Grade::kUnavailable},
      {"++-", Grade::kUnavailable},  // 0.67
      {"-++", Grade::kUnavailable},
      {"+++++++++-", Grade::kOk},  // 0.9 is enough
      {"++++++++-", Grade::kUnavailable},
      {"-+++++++++", Grade::kOk},
  };
  for (const Row& row : rows) EXPECT_EQ(history(row.marks).grade({}, kNow), row.want) << row.marks;
}

TEST(Grade, StreakAndRateCanBeSwitchedOff) {
  GraderConfig streak_only;
  streak_only.min_success_rate = 0;
  EXPECT_EQ(history("-+--").grade(streak_only, kNow), Grade::kOk);
  EXPECT_EQ(history("+---").grade(streak_only, kNow), Grade::kUnavailable);
  GraderConfig rate_only;
  rate_only.max_recent_failure_streak = 0;
  rate_only.min_success_rate = 0.5;
  EXPECT_EQ(history("+++---").grade(rate_only, kNow), Grade::kOk);
  EXPECT_EQ(history("++---").grade(rate_only, kNow), Grade::kUnavailable);
}

TEST(Grade, LooksOnlyAtTheWindow) {
  const History old = history("+++");
  EXPECT_EQ(old.grade({}, kNow + 13min), Grade::kOk) << "exactly max_age old still counts";
  EXPECT_EQ(old.grade({}, kNow + 13min + 1ns), Grade::kUnknown);
  EXPECT_EQ(history("---------------+++").grade({}, kNow), Grade::kUnavailable) << "13 failures within 15 minutes";
  GraderConfig brief;
  brief.max_age = 2min;
  EXPECT_EQ(history("---------------+++").grade(brief, kNow), Grade::kOk);
}

TEST(Grade, SuccessIsAnyStatusFrom200To299) {
  for (const auto& [status, good] :
       {std::pair{0, false}, {199, false}, {200, true}, {204, true}, {299, true}, {300, false}}) {
    EXPECT_EQ((Check{kNow, 0ns, status, ""}).successful(), good) << status;
  }
}

TEST(GraderConfig, RefusesRulesThatCannotWork) {
  EXPECT_TRUE(GraderConfig().validate());
  const auto bad = [](auto change) {
    GraderConfig config;
    change(config);
    const auto status = config.validate();
    return !status && status.error().code == kBadGrader;
  };
  EXPECT_TRUE(bad([](auto& c) { c.min_checks = 0; }));
  EXPECT_TRUE(bad([](auto& c) { c.min_checks = 100'000; }));
  EXPECT_TRUE(bad([](auto& c) { c.min_success_rate = -0.1; }));
  EXPECT_TRUE(bad([](auto& c) { c.min_success_rate = 1.1; }));
  EXPECT_TRUE(bad([](auto& c) { c.min_success_rate = std::nan(""); }));
  EXPECT_TRUE(bad([](auto& c) { c.max_recent_failure_streak = -1; }));
  EXPECT_TRUE(bad([](auto& c) { c.max_age = 0s; }));
  EXPECT_TRUE(bad([](auto& c) { c.max_recent_failure_streak = 0, c.min_success_rate = 0; }));
}

TEST(History, OrdersIgnoresDuplicatesAndForgets) {
  History out;
  EXPECT_TRUE(out.insert({kNow, 0ns, 200, ""}));
  EXPECT_TRUE(out.insert({kNow - 1s, 0ns, 500, "x"}));
  EXPECT_FALSE(out.insert({kNow, 0ns, 200, ""}));
  EXPECT_TRUE(out.insert({kNow, 0ns, 500, ""})) << "the same time alone is no duplicate";
  ASSERT_EQ(out.checks().size(), 3u);
  EXPECT_EQ(out.checks()[0].timestamp, kNow - 1s);
  out.forget_before(kNow);
  EXPECT_EQ(out.checks().size(), 2u);
  for (size_t i = 0; i < 2 * History::kMaxChecks; ++i) out.insert({kNow + std::chrono::seconds(i), 0ns, 200, ""});
  EXPECT_EQ(out.checks().size(), History::kMaxChecks);
}

}  // namespace
}  // namespace openpcc::node
