#include "base/varint.h"

#include <bit>
#include <cassert>

namespace openpcc {

size_t varint_size(uint64_t value) {
  assert(value <= kVarintMax);
  if (value < (uint64_t{1} << 6)) return 1;
  if (value < (uint64_t{1} << 14)) return 2;
  if (value < (uint64_t{1} << 30)) return 4;
  return 8;
}

void append_varint(Bytes& out, uint64_t value) {
  const size_t size = varint_size(value);
  const auto prefix = static_cast<uint64_t>(std::countr_zero(size));  // 1, 2, 4, 8 -> 0, 1, 2, 3
  value |= prefix << (size * 8 - 2);
  for (size_t i = size; i-- > 0;) out.push_back(static_cast<uint8_t>((value >> (8 * i)) & 0xff));
}

std::optional<Varint> parse_varint(ByteView bytes) {
  if (bytes.empty()) return std::nullopt;
  const size_t size = size_t{1} << (bytes[0] >> 6);
  if (bytes.size() < size) return std::nullopt;
  uint64_t value = bytes[0] & 0x3f;
  for (size_t i = 1; i < size; ++i) value = (value << 8) | bytes[i];
  return Varint{value, size};
}

Result<uint64_t> read_varint(ByteReader& reader) {
  const auto varint = parse_varint(reader.rest());
  if (!varint)
    return fail(kTruncated, "at byte " + std::to_string(reader.position()) + ": the bytes end inside a varint");
  OPENPCC_TRY(const ByteView taken, reader.take(varint->size));
  (void)taken;
  return varint->value;
}

}  // namespace openpcc
