// byte_io.h - reading and writing big-endian integers and counted fields, every length checked before use.
//
// ByteReader walks over untrusted bytes; it copies nothing and its views live as long as the bytes it was made from.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace openpcc {

inline constexpr ErrorCode kTruncated{"base.truncated"};      // fewer bytes are left than the field needs
inline constexpr ErrorCode kTrailing{"base.trailing_bytes"};  // bytes are left where the structure has ended

class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  [[nodiscard]] size_t position() const { return position_; }
  [[nodiscard]] size_t remaining() const { return bytes_.size() - position_; }
  [[nodiscard]] ByteView rest() const { return bytes_.subspan(position_); }

  [[nodiscard]] Result<uint8_t> u8();
  [[nodiscard]] Result<uint16_t> u16();
  [[nodiscard]] Result<uint32_t> u32();
  [[nodiscard]] Result<uint64_t> u64();
  [[nodiscard]] Result<ByteView> take(size_t count);
  // An error unless everything has been read. `what` names the structure in the message.
  [[nodiscard]] Status expect_end(std::string_view what) const;

 private:
  ByteView bytes_;
  size_t position_ = 0;
};

void append_u16(Bytes& out, uint16_t value);
void append_u32(Bytes& out, uint32_t value);
void append_u64(Bytes& out, uint64_t value);

}  // namespace openpcc
