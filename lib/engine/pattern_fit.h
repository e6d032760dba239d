// pattern_fit.h - a regular expression of a JSON schema, made fit for libllama's converter.
//
// The converter writes what the expression says between two quotes, as if the text of a JSON string were the string: a
// "." or a "[^a]" lets a raw quote or line end through, and the answer is no JSON. It also takes the quantifier behind
// an escaped character for one of the whole word before it. Here each expression is rewritten so that only JSON comes
// of it; what the answer then is still fits the expression as it was.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace openpcc::engine {

enum class PatternFault {
  kInvalid,      // no regular expression at all: parentheses that do not match, nothing to repeat
  kUnsupported,  // the converter has no grammar for it and would take any text, or nothing of it can stand in JSON
};

// "." and classes lose the characters that JSON writes with an escape; such a character by itself is written so.
[[nodiscard]] std::expected<std::string, PatternFault> fit_pattern(std::string_view pattern);

}  // namespace openpcc::engine
