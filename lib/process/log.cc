#include "process/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace openpcc::process {

Status set_up_log(const std::string& program, std::string_view level) {
  const auto parsed = level.empty() ? spdlog::level::info : spdlog::level::from_str(std::string(level));
  // from_str() answers "off" for what it does not know.
  if (parsed == spdlog::level::off && level != "off") {
    return fail(kBadLogLevel, "log level '" + std::string(level) + "' is none of trace, debug, info, warn, error, off");
  }
  try {
    auto logger = std::make_shared<spdlog::logger>(program, std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %n: %v", spdlog::pattern_time_type::utc);
    logger->set_level(parsed);
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
  } catch (const std::exception& error) {
    return fail(kSystem, std::string("setting up the log: ") + error.what());
  }
  return {};
}

}  // namespace openpcc::process
