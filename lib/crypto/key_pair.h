// key_pair.h - Diffie-Hellman keys of HPKE's two KEMs, and the Diffie-Hellman itself as a parameter.
//
// Where a private key lives in a TPM, the caller passes a DiffieHellman that asks the TPM; KeyPair is the software
// form: for ephemeral keys, the gateway's keys, and tests. Public keys from a peer are hostile. Thread-safe.
#pragma once

#include <functional>
#include <memory>

#include "base/random.h"
#include "base/secret_bytes.h"

namespace openpcc::crypto {

// Not a public key of this KEM: wrong length, wrong form, a point off the curve, or one that gives an all-zero secret.
inline constexpr ErrorCode kBadPublicKey{"crypto.bad_public_key"};
// Not a private key of this KEM: wrong length, zero, or not below the group's order.
inline constexpr ErrorCode kBadPrivateKey{"crypto.bad_private_key"};

// RFC 9180 §7.1 identifiers.
enum class Kem : uint16_t { kP256HkdfSha256 = 0x0010, kX25519HkdfSha256 = 0x0020 };

// P-256: 65 bytes, 04 ‖ X ‖ Y. X25519: 32 bytes.
using PublicKey = Bytes;

// The shared value of our private key and the peer's public key `enc`, as RFC 9180 §4.1 wants it: for P-256 the 32-byte
// X coordinate, for X25519 32 bytes. May block (a TPM takes tens of milliseconds) and may be called from any thread.
using DiffieHellman = std::function<Result<SecretBytes>(ByteView enc)>;

inline constexpr size_t kDhSize = 32;          // both KEMs
inline constexpr size_t kPrivateKeySize = 32;  // both KEMs
[[nodiscard]] constexpr size_t public_key_size(Kem kem) {
  return kem == Kem::kP256HkdfSha256 ? 65 : 32;
}

// For P-256: uncompressed form and on the curve, which with cofactor 1 is a full validation. For X25519: the length.
[[nodiscard]] Status check_public_key(Kem kem, ByteView public_key);

class KeyPair {
 public:
  // Fresh. Takes 32 bytes from `random` as the private key, again where they are no valid one.
  [[nodiscard]] static Result<KeyPair> generate(Kem kem, const RandomSource& random = system_random);
  [[nodiscard]] static Result<KeyPair> from_private(Kem kem, ByteView private_key);
  // RFC 9180 §7.1.3 DeriveKeyPair.
  [[nodiscard]] static Result<KeyPair> derive(Kem kem, ByteView input_key_material);

  [[nodiscard]] Kem kem() const;
  [[nodiscard]] const PublicKey& public_key() const;  // valid while a copy of this key pair lives
  // kBadPublicKey for a hostile peer key, including every one that gives an all-zero value.
  [[nodiscard]] Result<SecretBytes> dh(ByteView peer) const;
  // Shares the key: stays usable when this object is gone.
  [[nodiscard]] DiffieHellman diffie_hellman() const;

 private:
  struct Key;
  explicit KeyPair(std::shared_ptr<const Key> key) : key_(std::move(key)) {}
  std::shared_ptr<const Key> key_;
};

}  // namespace openpcc::crypto
