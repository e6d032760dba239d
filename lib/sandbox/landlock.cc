#include "sandbox/landlock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "process/fd.h"
#include "sandbox/sandbox.h"

namespace openpcc::sandbox {
namespace {

// Numbers of the kernel's interface, here because headers older than the kernel lack the later ones.
constexpr long kCreateRuleset = 444;
constexpr long kRestrictSelf = 446;
constexpr uint32_t kAskVersion = 1;

struct RulesetAttributes {
  uint64_t files;
  uint64_t network;
  uint64_t scoped;
};

// Every right of that version, since each one that is named here and allowed nowhere is forbidden.
RulesetAttributes everything(int version) {
  int file_rights = 13;                // version 1
  if (version >= 2) file_rights = 14;  // REFER
  if (version >= 3) file_rights = 15;  // TRUNCATE
  if (version >= 5) file_rights = 16;  // IOCTL_DEV
  return {.files = (uint64_t{1} << file_rights) - 1,
          .network = version >= 4 ? uint64_t{3} : 0,  // BIND_TCP, CONNECT_TCP
          .scoped = version >= 6 ? uint64_t{3} : 0};  // ABSTRACT_UNIX_SOCKET, SIGNAL
}

size_t size_known_to(int version) {
  if (version >= 6) return 24;
  return version >= 4 ? 16 : 8;
}

}  // namespace

int landlock_version() {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  return version > 0 ? static_cast<int>(version) : 0;
}

Status forbid_files() {
  const int version = landlock_version();
  if (version == 0) return fail(kUnavailable, "this kernel has no Landlock, or it is switched off");
  const RulesetAttributes attributes = everything(version);
  const process::UniqueFd rules(
      static_cast<int>(::syscall(kCreateRuleset, &attributes, size_known_to(version), uint32_t{0})));
  if (!rules) return process::system_failure("landlock_create_ruleset");
  if (::syscall(kRestrictSelf, rules.get(), uint32_t{0}) != 0) return process::system_failure("landlock_restrict_self");
  return {};
}

}  // namespace openpcc::sandbox
