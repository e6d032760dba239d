// varint.h - QUIC variable-length integers (RFC 9000 §16), the only varint of this protocol outside protobuf.
#pragma once

#include <optional>

#include "base/byte_io.h"

namespace openpcc {

inline constexpr uint64_t kVarintMax = (uint64_t{1} << 62) - 1;

// Bytes of the shortest form: 1, 2, 4 or 8. `value` must not exceed kVarintMax.
[[nodiscard]] size_t varint_size(uint64_t value);

// Appends the shortest form. `value` must not exceed kVarintMax.
void append_varint(Bytes& out, uint64_t value);

struct Varint {
  uint64_t value;
  size_t size;  // bytes it took
};

// Reads one from the start, in any form. Nothing when the bytes end inside it: more are needed.
[[nodiscard]] std::optional<Varint> parse_varint(ByteView bytes);

// Reads one, in any form. kTruncated when the bytes end inside it.
[[nodiscard]] Result<uint64_t> read_varint(ByteReader& reader);

}  // namespace openpcc
