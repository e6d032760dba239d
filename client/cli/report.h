// report.h - how nodes, steps and errors are shown, for people and as JSON, and which exit code they become.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "openpcc/client.h"
#include "terminal.h"

namespace openpcc::cli {

// Exit codes of `pcc`.
inline constexpr int kAnswered = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 2;
inline constexpr int kNoNodeVerified = 3;
inline constexpr int kCutOrAltered = 4;
inline constexpr int kInterrupted = 130;

[[nodiscard]] int exit_code_of(Failure failure);

// "  ✓ TPM quote: signed by …", one line a step; nothing for steps that were not reached.
void show_steps(Output& output, const NodeReport& node);
// "pcc: …" on standard error, with every refused node and what can be done. Gives the exit code.
int show_error(const ClientError& error, const DevAttestation& dev);
int show_usage_error(std::string_view message);
void show_refusal_hints(const std::vector<NodeReport>& nodes);
// Said on every run that accepts development evidence.
void warn_of_development(const DevAttestation& dev);

[[nodiscard]] nlohmann::ordered_json to_json(const NodeReport& node);
[[nodiscard]] nlohmann::ordered_json to_json(const ClientError& error);
// One object, one line. Bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string dump(const nlohmann::ordered_json& json);

}  // namespace openpcc::cli
