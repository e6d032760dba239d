// Whatever an engine sends, in whatever pieces: nothing crashes, and the pieces do not matter.
#include <cstdlib>

#include "openpcc/answer.h"

namespace {

// All that is shown, when the bytes come `step` at a time.
std::string read(std::string_view type, std::string_view bytes, size_t step) {
  openpcc::AnswerReader reader(type);
  std::string shown;
  for (size_t i = 0; i < bytes.size(); i += step) shown += reader.feed(bytes.substr(i, step));
  shown += reader.finish();
  if (shown != reader.text()) std::abort();
  return shown;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const char* type : {"text/event-stream", "application/x-ndjson", "application/json", "text/plain"}) {
    const std::string whole = read(type, bytes, size + 1);
    if (whole != read(type, bytes, 1) || whole != read(type, bytes, 7)) std::abort();
    if (std::string_view(type) == "text/plain" && whole != bytes) std::abort();
  }
  return 0;
}
