// What one of the small decoders accepts, it must write back to the same meaning.
#include <cstdlib>

#include "base/base64.h"
#include "base/tags.h"
#include "base/uuid.h"
#include "base/varint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace openpcc;
  const ByteView bytes(data, size);
  const std::string_view text = as_text(bytes);
  if (const auto varint = parse_varint(bytes)) {
    Bytes again;
    append_varint(again, varint->value);
    if (again.size() > varint->size || parse_varint(again)->value != varint->value) std::abort();
  }
  if (const auto decoded = from_base64(text)) {
    if (*from_base64(to_base64(*decoded)) != *decoded) std::abort();
  }
  if (const auto decoded = from_hex(text)) {
    if (*from_hex(to_hex(*decoded)) != *decoded) std::abort();
  }
  if (const auto uuid = UuidV7::parse(text)) {
    if (*UuidV7::parse(uuid->to_string()) != *uuid) std::abort();
  }
  if (const auto tags = Tags::from_comma_list(text)) {
    if (!tags->contains_all(*tags)) std::abort();
  }
  return 0;
}
