#include "worker/report.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/byte_io.h"

namespace openpcc::worker {
namespace {

constexpr size_t kSize = 20;

}  // namespace

void write_report(int pipe, const Report& report) {
  Bytes bytes;
  for (const uint32_t value :
       {report.tpm_us, report.first_content_us, report.answer_us, report.input_tokens, report.output_tokens}) {
    append_u32(bytes, value);
  }
  [[maybe_unused]] const ssize_t ignored = ::write(pipe, bytes.data(), bytes.size());
}

std::optional<Report> read_report(int pipe) {
  std::array<uint8_t, kSize + 1> buffer{};
  if (::read(pipe, buffer.data(), buffer.size()) != static_cast<ssize_t>(kSize)) return std::nullopt;
  ByteReader reader(ByteView(buffer).first(kSize));
  Report report;
  for (uint32_t* value : {&report.tpm_us, &report.first_content_us, &report.answer_us}) {
    *value = std::min(reader.u32().value_or(0), kMaxReportedTime);
  }
  for (uint32_t* value : {&report.input_tokens, &report.output_tokens}) {
    *value = std::min(reader.u32().value_or(0), kMaxReportedTokens);
  }
  return report;
}

Result<std::pair<process::UniqueFd, process::UniqueFd>> report_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return process::system_failure("pipe2");
  return std::pair{process::UniqueFd(ends[0]), process::UniqueFd(ends[1])};
}

}  // namespace openpcc::worker
