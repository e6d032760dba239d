// Any body in any of the four formats: read or refused, and a refusal is one that can be written.
#include <cstdlib>

#include "engine/api_request.h"
#include "engine/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace openpcc::engine;
  if (size == 0) {
    return 0;
  }
  const auto dialect = static_cast<Dialect>(data[0] % 4);
  const auto parsed = parse_request(dialect, {data + 1, size - 1}, 1);
  if (!parsed) {
    if (parsed.error().status != 400 || parsed.error().message.empty() || !is_valid_utf8(parsed.error().message)) {
      std::abort();
    }
    return 0;
  }
  if (!is_valid_utf8(parsed->model) || parsed->generation.sampling.seed == UINT32_MAX ||
      parsed->stop.size() > kMaxStopStrings) {
    std::abort();
  }
  return 0;
}
