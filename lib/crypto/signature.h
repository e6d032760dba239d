// signature.h - checking RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2) and Ed25519 (RFC 8032).
//
// All inputs are hostile but the keys a caller trusts. Success is an empty Status; everything else is an error.
// Thread-safe.
#pragma once

#include "base/secret_bytes.h"

namespace openpcc::crypto {

inline constexpr ErrorCode kBadSignature{"crypto.bad_signature"};  // the signature is not this key's over this message
inline constexpr ErrorCode kBadKey{"crypto.bad_key"};  // no key of this algorithm, or one too weak or too large to use

inline constexpr size_t kRsaMinBits = 2048;
inline constexpr size_t kRsaMaxBits = 8192;
inline constexpr size_t kEd25519KeySize = 32;
inline constexpr size_t kEd25519SignatureSize = 64;

// `n` and `e` are big-endian, leading zeros allowed; e must be odd, at least 3 and at most 8 bytes. The signature must
// be exactly as long as the modulus.
[[nodiscard]] Status verify_rsa_pkcs1_sha256(ByteView n, ByteView e, ByteView message, ByteView signature);

[[nodiscard]] Status verify_ed25519(ByteView raw_key, ByteView message, ByteView signature);

// The 32 raw bytes of a "PUBLIC KEY" PEM block (SubjectPublicKeyInfo, RFC 8410). kBadKey for anything else.
[[nodiscard]] Result<Bytes> ed25519_key_from_pem(std::string_view pem);

// The signing half, from the 32-byte seed: for issuing development badges and for tests.
[[nodiscard]] Result<Bytes> ed25519_public_key(ByteView seed);
[[nodiscard]] Result<Bytes> sign_ed25519(ByteView seed, ByteView message);

}  // namespace openpcc::crypto
