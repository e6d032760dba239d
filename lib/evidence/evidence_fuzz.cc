// What decodes encodes again to the same list, within the caps.
#include <cstdlib>

#include "evidence/evidence.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace openpcc;
  const ByteView bytes(data, size);
  if (const auto list = evidence::decode(bytes)) {
    if (list->size() > evidence::kMaxPieces) std::abort();
    const auto again = evidence::decode(evidence::encode(*list));
    if (!again || *again != *list) std::abort();
  }
  return 0;
}
