// user.h - whom a program runs as. Programs start as root, make what needs root, and drop to the user of `run_as`; in
// development everything runs as one ordinary user, and `run_as` is then empty or names that user.
#pragma once

#include <sys/types.h>

#include <optional>

#include "process/fd.h"

namespace openpcc::process {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  // as in the password database, or the uid in digits
  friend bool operator==(const User&, const User&) = default;
};

// "name", "uid" or "uid:gid". A bare uid takes its group from the password database; one that is not in there needs
// the second form. kBadUser otherwise, and for text that is empty.
[[nodiscard]] Result<User> find_user(std::string_view run_as);

// Whose uid this is in the password database, if anybody's.
[[nodiscard]] std::optional<std::string> name_of_user(uid_t uid);

// The effective user of this process.
[[nodiscard]] User current_user();

// Becomes `user` for good: no supplementary groups, real, effective and saved ids; then checks that root cannot be
// regained. Without root only staying oneself is possible: kNotAllowed for anybody else. Call it while the process has
// one thread, and set the parent-death signal afterwards: the kernel forgets it here.
[[nodiscard]] Status become(const User& user);

// What each program calls with its `run_as`: become(find_user(run_as)), or the current user when `run_as` is empty.
// Staying root because nothing was configured is the caller's to report.
[[nodiscard]] Result<User> become_configured(std::string_view run_as);

// A uid that a peer must have: find_user(name).uid, or our own when `name` is empty.
[[nodiscard]] Result<uid_t> expected_uid(std::string_view name);

}  // namespace openpcc::process
