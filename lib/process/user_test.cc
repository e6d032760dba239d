#include "process/user.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "process/testing.h"

namespace openpcc::process {
namespace {

TEST(FindUser, TakesNameUidAndPair) {
  const auto nobody = find_user("nobody");
  ASSERT_TRUE(nobody.has_value());
  EXPECT_EQ(nobody->name, "nobody");
  const auto by_uid = find_user(std::to_string(nobody->uid));
  ASSERT_TRUE(by_uid.has_value());
  EXPECT_EQ(*by_uid, *nobody);
  const auto pair = find_user("61234:61235");
  ASSERT_TRUE(pair.has_value());
  EXPECT_EQ(pair->uid, 61234U);
  EXPECT_EQ(pair->gid, 61235U);
}

TEST(FindUser, RefusesWhatNamesNobody) {
  for (const char* text :
       {"", "no-such-user-here", "-1", "4294967295", "4294967296", "1:", ":1", "1:x", "1:2:3", "0x1", " 0", "61234"}) {
    SCOPED_TRACE(text);
    const auto user = find_user(text);
    ASSERT_FALSE(user.has_value());
    EXPECT_EQ(user.error().code, kBadUser);
  }
}

TEST(Become, RootDropsForGood) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: changing the uid needs root";
  EXPECT_EQ(run_in_child([] {
              const User user{61234, 61235, "61234"};
              if (!become(user)) return 1;
              uid_t real = 0, effective = 0, saved = 0;
              if (::getresuid(&real, &effective, &saved) != 0) return 2;
              if (real != 61234 || effective != 61234 || saved != 61234) return 3;
              if (::getegid() != 61235 || ::getgroups(0, nullptr) != 0) return 4;
              if (::setresuid(0, 0, 0) == 0 || ::seteuid(0) == 0 || ::setegid(0) == 0) return 5;
              const auto again = become(User{0, 0, "root"});
              if (again || !(again.error().code == kNotAllowed)) return 6;
              if (!become(user)) return 7;  // oneself is allowed
              return 0;
            }),
            0);
}

TEST(Become, OrdinaryUserStaysHimselfOnly) {
  const auto body = [] {
    const User self = current_user();
    if (!become(self)) return 1;
    const auto other = become_configured("1:1");
    if (other || !(other.error().code == kNotAllowed)) return 2;
    const auto unchanged = become_configured("");
    if (!unchanged || unchanged->uid != self.uid) return 3;
    return 0;
  };
  EXPECT_EQ(run_in_child([&] {
              if (::geteuid() == 0 && !become(User{61234, 61234, "61234"})) return 9;
              return body();
            }),
            0);
}

TEST(ExpectedUid, EmptyIsOneself) {
  EXPECT_EQ(expected_uid("").value(), ::geteuid());
  EXPECT_EQ(expected_uid("123:4").value(), 123U);
  EXPECT_FALSE(expected_uid("no-such-user-here").has_value());
}

}  // namespace
}  // namespace openpcc::process
