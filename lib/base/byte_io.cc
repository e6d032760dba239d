#include "base/byte_io.h"

namespace openpcc {

Result<ByteView> ByteReader::take(size_t count) {
  if (count > remaining()) {
    return fail(kTruncated, "at byte " + std::to_string(position_) + ": " + std::to_string(count) + " bytes wanted, " +
                                std::to_string(remaining()) + " left");
  }
  const ByteView view = bytes_.subspan(position_, count);
  position_ += count;
  return view;
}

namespace {

template <typename T>
Result<T> big_endian(ByteReader& reader) {
  OPENPCC_TRY(const ByteView view, reader.take(sizeof(T)));
  uint64_t value = 0;
  for (const uint8_t b : view) value = (value << 8) | b;
  return static_cast<T>(value);
}

template <typename T>
void append_big_endian(Bytes& out, T value) {
  for (size_t i = sizeof(T); i-- > 0;)
    out.push_back(static_cast<uint8_t>((static_cast<uint64_t>(value) >> (8 * i)) & 0xff));
}

}  // namespace

Result<uint8_t> ByteReader::u8() {
  return big_endian<uint8_t>(*this);
}
Result<uint16_t> ByteReader::u16() {
  return big_endian<uint16_t>(*this);
}
Result<uint32_t> ByteReader::u32() {
  return big_endian<uint32_t>(*this);
}
Result<uint64_t> ByteReader::u64() {
  return big_endian<uint64_t>(*this);
}

Status ByteReader::expect_end(std::string_view what) const {
  if (remaining() == 0) return {};
  return fail(kTrailing, std::string(what) + ": " + std::to_string(remaining()) + " bytes too many, from byte " +
                             std::to_string(position_));
}

void append_u16(Bytes& out, uint16_t value) {
  append_big_endian(out, value);
}
void append_u32(Bytes& out, uint32_t value) {
  append_big_endian(out, value);
}
void append_u64(Bytes& out, uint64_t value) {
  append_big_endian(out, value);
}

}  // namespace openpcc
