// expand.h - replaces environment variables in the text of a configuration file, before it is parsed.
// Source: openpcc app/config/config.go (os.Expand). Pure: the environment is a parameter.
#pragma once

#include <functional>
#include <optional>

#include "base/bytes.h"

namespace openpcc::config {

inline constexpr ErrorCode kMissingVariable{"config.missing_variable"};  // ${VAR} without default, and VAR is not set
inline constexpr ErrorCode kBadVariable{"config.bad_variable"};          // "${" without "}", no name, or too much text

// The value of a variable, or nothing where it is not set. A variable set to nothing is set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
[[nodiscard]] std::optional<std::string> process_environment(const std::string& name);

// `${VAR}` and `$VAR` become the value, or an error that names every missing variable; `${VAR:-default}` becomes the
// value or the default. What comes in is not expanded again. There is no way to escape a dollar sign before a name: put
// the text into a variable. One difference to the official rule: in a line that is a comment as a whole a missing
// variable is no error. The result is at most `max_size` bytes.
[[nodiscard]] Result<std::string> expand_variables(std::string_view text, const Environment& environment,
                                                   size_t max_size);

}  // namespace openpcc::config
