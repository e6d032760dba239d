// landlock.h - no file, directory, device, TCP port, abstract UNIX socket or foreign process for the calling process.
#pragma once

#include "base/result.h"

namespace openpcc::sandbox {

// The version of Landlock that this kernel offers; 0: none. 1 covers files; from 4 on also TCP, from 6 on also abstract
// UNIX sockets and signals to processes outside (linux/landlock.h; man 7 landlock).
[[nodiscard]] int landlock_version();

// Forbids everything that `landlock_version()` covers; descriptors that are open already keep working. Needs
// no_new_privs. For good, for this thread and all it starts. kUnavailable where there is none.
[[nodiscard]] Status forbid_files();

}  // namespace openpcc::sandbox
