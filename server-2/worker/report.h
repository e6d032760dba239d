// report.h - the numbers that a child leaves for the metrics: times and counts of its one request, nothing of its
// content.
//
// The child writes them once, when the answer is whole, to a pipe that its parent reads after its end. The parent
// trusts none of them: each is capped.
#pragma once

#include <cstdint>
#include <optional>

#include "process/fd.h"

namespace openpcc::worker {

struct Report {
  uint32_t tpm_us = 0;            // waiting for the ECDH result
  uint32_t first_content_us = 0;  // from the whole request to the answer's first content
  uint32_t answer_us = 0;         // from there to the last
  uint32_t input_tokens = 0;      // 0: not known
  uint32_t output_tokens = 0;
  friend bool operator==(const Report&, const Report&) = default;
};

// Longer than any time limit, more than any context: what is above it is a lie.
inline constexpr uint32_t kMaxReportedTime = 3'600'000'000;
inline constexpr uint32_t kMaxReportedTokens = 1 << 24;

// A full pipe or none: nothing happens.
void write_report(int pipe, const Report& report);
// What the child wrote; nothing where it wrote none, or something else. Does not wait.
[[nodiscard]] std::optional<Report> read_report(int pipe);

// The read end first; both close-on-exec and non-blocking.
[[nodiscard]] Result<std::pair<process::UniqueFd, process::UniqueFd>> report_pipe();

}  // namespace openpcc::worker
