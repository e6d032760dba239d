#include "process/privileges.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/sanitizers.h"
#include "process/testing.h"

namespace openpcc::process {
namespace {

constexpr int kKept[] = {CAP_SETUID, CAP_SETGID, CAP_KILL};
const User kUser{61234, 61234, "x"};

class Privileges : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "skipped: capabilities are root's to keep";
    // Its thread keeps what this one gives up, and the C library ends a process whose threads differ in that.
    if (kUnderThreadSanitizer) GTEST_SKIP() << "skipped: ThreadSanitizer has a thread of its own";
  }
};

TEST_F(Privileges, ADroppedRootKeepsWhatIsNamedAndNothingElse) {
  EXPECT_EQ(run_in_child([] {
              if (!become_keeping(kUser, kKept)) return 1;
              if (::getuid() != kUser.uid || ::geteuid() != kUser.uid) return 2;
              if (::kill(1, 0) != 0) return 3;
              if (::chown("/etc/passwd", 0, 0) == 0) return 4;
              return ::setresuid(5, 5, 5) == 0 ? 0 : 5;
            }),
            0);
}

TEST_F(Privileges, AChildOfItBecomesSomebodyWithNone) {
  EXPECT_EQ(run_in_child([] {
              if (!become_keeping(kUser, kKept)) return 1;
              const int code = run_in_child([] {
                if (!become_nobody_else(61235)) return 1;
                if (::getuid() != 61235 || ::getgid() != 61235 || ::getgroups(0, nullptr) != 0) return 2;
                if (::kill(::getppid(), 0) == 0 || ::kill(1, 0) == 0) return 3;
                return ::setresuid(61234, 61234, 61234) == 0 || ::setresgid(0, 0, 0) == 0 ? 4 : 0;
              });
              if (code != 0) return 10 + code;
              return ::kill(1, 0) == 0 ? 0 : 2;  // the parent still has it
            }),
            0);
}

TEST_F(Privileges, RootsOwnChildToo) {
  EXPECT_EQ(run_in_child([] {
              if (!become_nobody_else(61235)) return 1;
              return ::kill(1, 0) == 0 || ::setresuid(0, 0, 0) == 0 ? 2 : 0;
            }),
            0);
}

TEST_F(Privileges, TheyPassThroughExecWhereThatIsAskedFor) {
  const auto bits_after_exec = [](bool keep) {
    return run_in_child([&] {
      if (!become_keeping(kUser, kKept) || (keep && !keep_capabilities_through_exec())) return 1;
      const char* wanted = keep ? "^CapEff:.*e0$" : "^CapEff:.*00$";
      ::execlp("grep", "grep", "-q", wanted, "/proc/self/status", nullptr);
      return 2;
    });
  };
  EXPECT_EQ(bits_after_exec(true), 0);
  EXPECT_EQ(bits_after_exec(false), 0);
}

TEST_F(Privileges, NobodyElseIsNeverRoot) {
  EXPECT_EQ(run_in_child([] { return become_nobody_else(0) ? 1 : 0; }), 0);
}

TEST_F(Privileges, WithoutThePrivilegeItIsNotAllowed) {
  EXPECT_EQ(run_in_child([] {
              if (!become(kUser)) return 1;
              const auto changed = become_nobody_else(61235);
              return !changed && changed.error().code == kNotAllowed ? 0 : 2;
            }),
            0);
}

TEST(PrivilegesWithoutRoot, StayingOneselfIsPossible) {
  EXPECT_EQ(run_in_child([] {
              if (::geteuid() == 0 && !become(kUser)) return 1;
              if (!become_keeping(current_user(), kKept)) return 2;
              return become_keeping(User{1, 1, "other"}, kKept) ? 3 : 0;
            }),
            0);
}

}  // namespace
}  // namespace openpcc::process
