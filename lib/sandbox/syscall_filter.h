// syscall_filter.h - the system calls that a locked-down process may make (libseccomp; man 2 seccomp).
#pragma once

#include <span>
#include <string_view>

#include "base/bytes.h"

namespace openpcc::sandbox {

inline constexpr ErrorCode kBadFilter{"sandbox.bad_filter"};  // libseccomp or the kernel refused it

struct AllowedCall {
  std::string_view name;
  std::string_view condition;  // on its arguments, in words; empty: none
};

// What docs/sandbox.md lists (a test compares them). Anything else ends the process with SIGSYS; clone3 alone gives
// ENOSYS, so that the C library starts threads with clone, whose flags can be looked at.
[[nodiscard]] std::span<const AllowedCall> calls_of_every_child();
[[nodiscard]] std::span<const AllowedCall> calls_of_an_event_loop();  // with Options::event_loop, beside the former

// The filter as BPF instructions (struct sock_filter). Made once, in the parent: it takes about a millisecond.
[[nodiscard]] Result<Bytes> make_filter(bool event_loop);

// Two filters for the calling thread and all it starts, for good; the kernel takes the stricter answer. Both need
// no_new_privs, and load_filter()'s does not allow another one: the guard comes first.
//
// The guard is the calling process's own: SIGABRT goes to nobody else, and descriptors 0, 1 and 2, which its parent has
// too, cannot be shut down, be made non-blocking or carry descriptors. It allows everything else.
[[nodiscard]] Status load_guard();
[[nodiscard]] Status load_filter(ByteView filter);

}  // namespace openpcc::sandbox
