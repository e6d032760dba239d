// hkdf.h - HKDF-SHA256 (RFC 5869). The parts of an input are taken one after the other, so that callers need not copy
// secrets together. Thread-safe.
#pragma once

#include <initializer_list>

#include "base/secret_bytes.h"

namespace openpcc::crypto {

inline constexpr ErrorCode kBadLength{
    "crypto.bad_length"};  // an input or output has a length the algorithm cannot have

inline constexpr size_t kHkdfMaxOutput = size_t{255} * 32;

// RFC 5869 §2.2. 32 bytes. An empty salt stands for 32 zero bytes, as there.
[[nodiscard]] Result<SecretBytes> hkdf_extract(ByteView salt, std::initializer_list<ByteView> ikm);

// RFC 5869 §2.3. kBadLength when `length` exceeds kHkdfMaxOutput.
[[nodiscard]] Result<SecretBytes> hkdf_expand(ByteView prk, std::initializer_list<ByteView> info, size_t length);

}  // namespace openpcc::crypto
