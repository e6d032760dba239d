// public_area.h - TPMT_PUBLIC: what a TPM says about a key (TCG TPM 2.0 Library, Part 2, 12.2.4).
//
// Reads and writes the RSA and ECC keys of the evidence and of the key templates. Input is hostile: every field is
// checked against the values the standard allows and this project knows, sizes are capped, trailing bytes refused. What
// is accepted is written back to the same bytes, so that the Name is the hash of what was read. Pure, thread-safe.
#pragma once

#include <variant>

#include "base/byte_io.h"
#include "tpmwire/tpm_types.h"

namespace openpcc::tpmwire {

inline constexpr ErrorCode kMalformed{"tpmwire.malformed"};      // a size or value the standard does not allow there
inline constexpr ErrorCode kUnsupported{"tpmwire.unsupported"};  // allowed by the standard, not known to this project
inline constexpr ErrorCode kNotP256{"tpmwire.not_p256"};         // no P-256 key with both coordinates
inline constexpr ErrorCode kNotRsa{"tpmwire.not_rsa"};           // no RSA key with a modulus

inline constexpr size_t kMaxRsaBytes = 512;      // 4096 bits
inline constexpr size_t kMaxPublicBytes = 1024;  // more than any TPMT_PUBLIC accepted here
inline constexpr size_t kNameSize = 34;          // u16 hash algorithm, SHA-256

// TPMT_SYM_DEF_OBJECT: kAlgNull, or AES in CFB mode.
struct Symmetric {
  uint16_t algorithm = kAlgNull;
  uint16_t key_bits = 0;
  uint16_t mode = 0;
  friend bool operator==(const Symmetric&, const Symmetric&) = default;
};

// TPMT_ASYM_SCHEME or TPMT_KDF_SCHEME: kAlgNull, or a scheme with (but for RSAES) a hash.
struct Scheme {
  uint16_t algorithm = kAlgNull;
  uint16_t hash = 0;
  friend bool operator==(const Scheme&, const Scheme&) = default;
};

struct RsaKey {
  Symmetric symmetric;
  Scheme scheme;
  uint16_t key_bits = 2048;
  uint32_t exponent = 0;  // 0 means 65537
  Bytes modulus;          // big-endian, key_bits / 8 bytes; empty in a template
  friend bool operator==(const RsaKey&, const RsaKey&) = default;
};

struct EccKey {
  Symmetric symmetric;
  Scheme scheme;
  uint16_t curve = kCurveP256;
  Scheme kdf;
  Bytes x, y;  // big-endian, at most 32 bytes each; empty in a template
  friend bool operator==(const EccKey&, const EccKey&) = default;
};

struct PublicArea {
  uint16_t name_algorithm = kAlgSha256;  // the only one accepted
  uint32_t attributes = 0;
  Bytes auth_policy;  // empty, or 32 bytes
  std::variant<RsaKey, EccKey> key;
  friend bool operator==(const PublicArea&, const PublicArea&) = default;
};

// Reads one whole TPMT_PUBLIC (without the size in front that a TPM2B_PUBLIC has).
[[nodiscard]] Result<PublicArea> parse_public(ByteView bytes);
// As part of something larger. After an error the reader stands behind the field that is refused, or, for kTruncated,
// before the one that is cut.
[[nodiscard]] Result<PublicArea> read_public(ByteReader& reader);
[[nodiscard]] Bytes marshal_public(const PublicArea& area);

// The object's Name (Part 1, 16): 000B and SHA-256 of the TPMT_PUBLIC. This is what a TPM certifies.
[[nodiscard]] Result<Bytes> object_name(const PublicArea& area);

// 04, X, Y, each coordinate left-padded to 32 bytes. kNotP256 for anything but a P-256 key with both coordinates. Does
// not say whether the point lies on the curve: whoever uses the point must check.
[[nodiscard]] Result<Bytes> uncompressed_point(const PublicArea& area);

// Modulus and exponent (big-endian, no zeros in front), for a signature check.
struct RsaNumbers {
  Bytes n, e;
};
[[nodiscard]] Result<RsaNumbers> rsa_numbers(const PublicArea& area);

// The payload of a TPM2B: u16 size, then exactly so many bytes and no more, at most `cap`. Valid while `bytes` is.
[[nodiscard]] Result<ByteView> sized_content(ByteView bytes, size_t cap);

}  // namespace openpcc::tpmwire
