#include "process/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace openpcc::process {
namespace {

// Two words of 32 bits each, as version 3 of the interface has them (man 2 capset).
Status set_capabilities(std::span<const int> capabilities) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  for (const int capability : capabilities) {
    __user_cap_data_struct& word = data.at(static_cast<size_t>(capability) / 32);
    word.effective |= 1U << (capability % 32);
    word.permitted |= 1U << (capability % 32);
  }
  if (::syscall(SYS_capset, &header, data.data()) != 0) return system_failure("capset");
  return {};
}

bool has_any_capability() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return true;
  for (const auto& word : data) {
    if ((word.effective | word.permitted | word.inheritable) != 0) return true;
  }
  return false;
}

}  // namespace

Status become_keeping(const User& user, std::span<const int> capabilities) {
  if (::geteuid() != 0) return become(user);
  if (user.uid == 0) return {};  // root has them all
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return system_failure("prctl(PR_SET_KEEPCAPS)");
  OPENPCC_TRY_STATUS(become(user));
  OPENPCC_TRY_STATUS(set_capabilities(capabilities));
  if (::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) return system_failure("prctl(PR_SET_KEEPCAPS)");
  return {};
}

Status keep_capabilities_through_exec() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return system_failure("capget");
  for (auto& word : data) word.inheritable = word.permitted;
  if (::syscall(SYS_capset, &header, data.data()) != 0) return system_failure("capset");
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((data.at(capability / 32).permitted >> (capability % 32) & 1) == 0) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) return system_failure("PR_CAP_AMBIENT");
  }
  return {};
}

Status become_nobody_else(uid_t uid) {
  const auto refused = [&](std::string_view call) -> std::unexpected<Error> {
    const bool not_allowed = errno == EPERM;
    const std::string why = system_failure(call).error().message;
    return fail(not_allowed ? kNotAllowed : kSystem, not_allowed ? why + ": this takes root" : why);
  };
  if (uid == 0) return fail(kBadUser, "a user id of its own cannot be root's");
  if (::setgroups(0, nullptr) != 0) return refused("setgroups");
  if (::setresgid(uid, uid, uid) != 0) return refused("setresgid");
  if (::setresuid(uid, uid, uid) != 0) return refused("setresuid");
  // The change of user dropped them only if it was root that changed.
  OPENPCC_TRY_STATUS(set_capabilities({}));
  if (has_any_capability() || ::setresuid(0, 0, 0) == 0 || ::setresgid(0, 0, 0) == 0 || ::setgroups(0, nullptr) == 0) {
    return fail(kSystem, "privileges are left after changing to uid " + std::to_string(uid));
  }
  return {};
}

}  // namespace openpcc::process
