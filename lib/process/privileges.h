// privileges.h - Linux capabilities: the few that a process keeps when it stops being root, and the end of all of them.
#pragma once

#include <span>

#include "process/user.h"

namespace openpcc::process {

// become(), except that these capabilities (CAP_* of linux/capability.h) stay. Without root, where `user` is oneself:
// nothing happens, and none are kept.
[[nodiscard]] Status become_keeping(const User& user, std::span<const int> capabilities);

// Before exec: the program that follows keeps the capabilities that this process has, as it would not by itself.
[[nodiscard]] Status keep_capabilities_through_exec();

// In a child of such a process: takes `uid` (and the group of the same number) for good, with no supplementary group
// and no capability, and checks that nothing of it can be regained. kNotAllowed where the privilege to do so is
// missing.
[[nodiscard]] Status become_nobody_else(uid_t uid);

}  // namespace openpcc::process
