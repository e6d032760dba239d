// log.h - one line per event on standard error, through spdlog's default logger. Nothing that came from a client, and
// no key, is ever logged at any level.
#pragma once

#include "process/fd.h"

namespace openpcc::process {

inline constexpr ErrorCode kBadLogLevel{"process.bad_log_level"};

// `level`: trace, debug, info, warn, error or off; empty means info. Lines read "TIME LEVEL PROGRAM: TEXT".
[[nodiscard]] Status set_up_log(const std::string& program, std::string_view level);

}  // namespace openpcc::process
