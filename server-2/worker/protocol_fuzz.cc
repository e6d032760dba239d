// What parses is written back to the same bytes: there is one form of each message.
#include <cstdlib>

#include "worker/protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace openpcc;
  const ByteView bytes(data, size);
  if (const auto message = worker::parse_control(bytes)) {
    if (worker::encode(*message) != to_bytes(bytes)) std::abort();
  }
  if (const auto head = worker::parse_request_head(bytes)) {
    if (worker::encode(*head) != to_bytes(bytes)) std::abort();
  }
  return 0;
}
