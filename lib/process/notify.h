// notify.h - tells a supervisor that the program is ready, in the way of sd_notify(3), without its library.
#pragma once

#include "process/fd.h"

namespace openpcc::process {

// Sends "READY=1" to the datagram socket that NOTIFY_SOCKET names. Without that variable: nothing, and no error.
[[nodiscard]] Status notify_ready();

}  // namespace openpcc::process
