// hpke.h - Hybrid Public Key Encryption, RFC 9180, base mode.
//
// DHKEM(P-256) and DHKEM(X25519) with HKDF-SHA256; key derivation HKDF-SHA256; the three AEADs of aead.h. The
// recipient's private key never enters this library: its Diffie-Hellman is a parameter, so that a TPM can hold it. A
// context is keyed once and numbers its messages itself. Contexts are not thread-safe.
#pragma once

#include "crypto/aead.h"
#include "crypto/key_pair.h"

namespace openpcc::crypto {

inline constexpr ErrorCode kMessageLimit{"crypto.message_limit"};  // the context has sealed or opened all it ever may
inline constexpr ErrorCode kBadDhResult{"crypto.bad_dh_result"};   // the private half gave a wrong size or all zeros

enum class Kdf : uint16_t { kHkdfSha256 = 0x0001 };  // RFC 9180 §7.2

struct Suite {
  Kem kem;
  Kdf kdf;
  Aead aead;
  friend bool operator==(const Suite&, const Suite&) = default;
};

// The one suite of sealed messages: DHKEM(P-256), HKDF-SHA256, AES-128-GCM.
inline constexpr Suite kOpenpccSuite{Kem::kP256HkdfSha256, Kdf::kHkdfSha256, Aead::kAes128Gcm};

namespace detail {
// Nonces and exported secrets of a context; what both ends have in common (RFC 9180 §5.2, §5.3).
class Schedule {
 public:
  [[nodiscard]] Result<std::array<uint8_t, kAeadNonceSize>> next_nonce() const;
  void advance() { ++sequence_; }
  [[nodiscard]] Result<SecretBytes> export_secret(ByteView context, size_t length) const;
  void skip_to(uint64_t sequence) { sequence_ = sequence; }

  Suite suite{};
  SecretBytes base_nonce;
  SecretBytes exporter_secret;

 private:
  uint64_t sequence_ = 0;
};
}  // namespace detail

class SenderContext {
 public:
  // What the recipient needs beside the ciphertext: the ephemeral public key.
  [[nodiscard]] const Bytes& enc() const { return enc_; }  // valid while the context lives
  // The next message: ciphertext and tag.
  [[nodiscard]] Result<Bytes> seal(ByteView aad, ByteView plaintext);
  // RFC 9180 §5.3. Any number of times, with any context, at any moment. At most kHkdfMaxOutput bytes.
  [[nodiscard]] Result<SecretBytes> export_secret(ByteView context, size_t length) const {
    return schedule_.export_secret(context, length);
  }
  void skip_to_for_testing(uint64_t sequence) { schedule_.skip_to(sequence); }

 private:
  friend Result<SenderContext> setup_sender(Suite, ByteView, ByteView, const RandomSource&);
  SenderContext(Bytes enc, AeadSealer sealer, detail::Schedule schedule)
      : enc_(std::move(enc)), sealer_(std::move(sealer)), schedule_(std::move(schedule)) {}
  Bytes enc_;
  AeadSealer sealer_;
  detail::Schedule schedule_;
};

class RecipientContext {
 public:
  [[nodiscard]] const Bytes& enc() const { return enc_; }  // valid while the context lives
  // The next message. kOpenFailed leaves the context as it was: it still waits for that message.
  [[nodiscard]] Result<WipedBytes> open(ByteView aad, ByteView sealed);
  [[nodiscard]] Result<SecretBytes> export_secret(ByteView context, size_t length) const {
    return schedule_.export_secret(context, length);
  }
  void skip_to_for_testing(uint64_t sequence) { schedule_.skip_to(sequence); }

 private:
  friend Result<RecipientContext> setup_recipient(Suite, ByteView, ByteView, const DiffieHellman&, ByteView);
  RecipientContext(Bytes enc, AeadOpener opener, detail::Schedule schedule)
      : enc_(std::move(enc)), opener_(std::move(opener)), schedule_(std::move(schedule)) {}
  Bytes enc_;
  AeadOpener opener_;
  detail::Schedule schedule_;
};

// To the holder of `public_key`, with a fresh ephemeral key from `random`. kBadPublicKey for a key that is none.
[[nodiscard]] Result<SenderContext> setup_sender(Suite suite, ByteView public_key, ByteView info,
                                                 const RandomSource& random = system_random);

// `enc` is hostile and checked before `dh` sees it. `public_key` is the recipient's own, which enters the key schedule:
// with a wrong one nothing opens. An error of `dh` is returned as it is.
[[nodiscard]] Result<RecipientContext> setup_recipient(Suite suite, ByteView enc, ByteView public_key,
                                                       const DiffieHellman& dh, ByteView info);

}  // namespace openpcc::crypto
