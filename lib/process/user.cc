#include "process/user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <limits>
#include <optional>

namespace openpcc::process {
namespace {

// The highest id is (uid_t)-1, which the system calls read as "leave unchanged": it is no id.
std::optional<uint32_t> parse_id(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value == std::numeric_limits<uint32_t>::max()) return std::nullopt;
  return value;
}

template <typename Lookup>
std::optional<User> look_up(Lookup lookup) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (lookup(&entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
  return User{found->pw_uid, found->pw_gid, found->pw_name};
}

std::optional<User> by_name(const std::string& name) {
  return look_up([&](passwd* entry, char* buffer, size_t size, passwd** found) {
    return ::getpwnam_r(name.c_str(), entry, buffer, size, found);
  });
}

std::optional<User> by_uid(uid_t uid) {
  return look_up([&](passwd* entry, char* buffer, size_t size, passwd** found) {
    return ::getpwuid_r(uid, entry, buffer, size, found);
  });
}

Status check_dropped(const User& user) {
  uid_t real = 0, effective = 0, saved = 0;
  if (::getresuid(&real, &effective, &saved) != 0) return system_failure("getresuid");
  gid_t real_group = 0, effective_group = 0, saved_group = 0;
  if (::getresgid(&real_group, &effective_group, &saved_group) != 0) return system_failure("getresgid");
  if (real != user.uid || effective != user.uid || saved != user.uid || real_group != user.gid ||
      effective_group != user.gid || saved_group != user.gid) {
    return fail(kSystem, "the ids are not those of " + user.name + " after changing to them");
  }
  if (user.uid != 0 && ::setresuid(0, 0, 0) == 0) return fail(kSystem, "root could be regained after dropping it");
  if (user.uid != 0 && user.gid != 0 && ::setresgid(0, 0, 0) == 0) {
    return fail(kSystem, "the group root could be regained after dropping it");
  }
  return {};
}

}  // namespace

Result<User> find_user(std::string_view run_as) {
  const std::string text(run_as);
  const size_t colon = run_as.find(':');
  if (colon != std::string_view::npos) {
    const auto uid = parse_id(run_as.substr(0, colon));
    const auto gid = parse_id(run_as.substr(colon + 1));
    if (!uid || !gid) return fail(kBadUser, "'" + text + "' is no uid:gid (both must be numbers)");
    const auto known = by_uid(*uid);
    return User{*uid, *gid, known ? known->name : std::to_string(*uid)};
  }
  if (run_as.empty()) return fail(kBadUser, "an empty user name");
  if (auto found = by_name(text)) return *found;
  if (const auto uid = parse_id(run_as)) {
    if (auto found = by_uid(*uid)) return *found;
    return fail(kBadUser, "uid " + text + " is not in the password database; write it as uid:gid");
  }
  return fail(kBadUser, "there is no user '" + text + "'");
}

std::optional<std::string> name_of_user(uid_t uid) {
  const auto known = by_uid(uid);
  return known ? std::optional(known->name) : std::nullopt;
}

User current_user() {
  const uid_t uid = ::geteuid();
  const auto known = by_uid(uid);
  return {uid, ::getegid(), known ? known->name : std::to_string(uid)};
}

Status become(const User& user) {
  if (::geteuid() != 0) {
    const User self = current_user();
    if (self.uid == user.uid && self.gid == user.gid) return {};
    return fail(kNotAllowed, "run_as names " + user.name + ", but this program was started as " + self.name +
                                 ": start it as root, or leave run_as empty");
  }
  if (::setgroups(0, nullptr) != 0) return system_failure("setgroups");
  if (::setresgid(user.gid, user.gid, user.gid) != 0) return system_failure("setresgid");
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return system_failure("setresuid");
  return check_dropped(user);
}

Result<User> become_configured(std::string_view run_as) {
  if (run_as.empty()) return current_user();
  OPENPCC_TRY(User user, find_user(run_as));
  OPENPCC_TRY_STATUS(become(user));
  return user;
}

Result<uid_t> expected_uid(std::string_view name) {
  if (name.empty()) return ::geteuid();
  OPENPCC_TRY(const User user, find_user(name));
  return user.uid;
}

}  // namespace openpcc::process
