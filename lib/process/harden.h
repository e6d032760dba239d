// harden.h - what a process gives up before it touches a key or plaintext, and how children follow their parent.
#pragma once

#include <sys/types.h>

#include "process/fd.h"

namespace openpcc::process {

// No core dump, not readable through /proc or ptrace by its own uid, no new privileges through exec, umask 077. Call it
// after become(): changing uids resets some of it.
[[nodiscard]] Status harden_process();

// A network namespace of its own, with nothing in it, not even a loopback that is up. True when that was possible
// (root, before become()); false when the system does not permit it: the caller says so aloud. UNIX sockets keep
// working.
[[nodiscard]] Result<bool> isolate_network();

// The kernel kills this process when its parent ends. `parent`: the pid it must still have, so that a parent that
// died before the call is noticed (kPeerClosed).
[[nodiscard]] Status die_with_parent(pid_t parent);

// Makes this process the first that the kernel kills when memory runs out. For good; children inherit it.
[[nodiscard]] Status be_oom_victim();

// Lowers one limit for good (setrlimit; `resource` is RLIMIT_*). Never raises it.
[[nodiscard]] Status limit_resource(int resource, uint64_t value);

// True while a process holds other threads than the calling one, or that cannot be told (/proc is not there): forking
// or dropping ids would then be wrong.
[[nodiscard]] bool has_other_threads();

}  // namespace openpcc::process
