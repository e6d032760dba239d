// aead.h - AES-GCM (NIST SP 800-38D) and ChaCha20-Poly1305 (RFC 8439), with 12-byte nonces and 16-byte tags.
//
// A sealer or opener is keyed once and then used for many messages: the key schedule is made once, a message costs
// only its nonce. Neither chooses nonces: the caller must never seal twice with the same one. Not thread-safe; use one
// per thread. What an opener is fed is hostile.
#pragma once

#include <memory>

#include "base/secret_bytes.h"
#include "crypto/digest.h"
#include "crypto/hkdf.h"

struct evp_cipher_ctx_st;  // OpenSSL's EVP_CIPHER_CTX

namespace openpcc::crypto {

inline constexpr ErrorCode kOpenFailed{"crypto.open_failed"};  // wrong key, nonce or additional data, or altered bytes

// RFC 9180 §7.3 identifiers.
enum class Aead : uint16_t { kAes128Gcm = 0x0001, kAes256Gcm = 0x0002, kChaCha20Poly1305 = 0x0003 };

inline constexpr size_t kAeadNonceSize = 12;
inline constexpr size_t kAeadTagSize = 16;
inline constexpr size_t kAeadMaxMessage = size_t{1} << 30;  // bytes of plaintext; far below every algorithm's own limit

[[nodiscard]] constexpr size_t aead_key_size(Aead aead) {
  return aead == Aead::kAes128Gcm ? 16 : 32;
}

namespace detail {
struct CipherContextDeleter {
  void operator()(evp_cipher_ctx_st* context) const;
};
using CipherContext = std::unique_ptr<evp_cipher_ctx_st, CipherContextDeleter>;
}  // namespace detail

class AeadSealer {
 public:
  // kBadLength when the key has not exactly the algorithm's size.
  [[nodiscard]] static Result<AeadSealer> create(Aead aead, ByteView key);

  // Appends ciphertext and tag (plaintext.size() + 16 bytes) to `out`. On an error `out` is as it was.
  [[nodiscard]] Status seal(ByteView nonce, ByteView aad, ByteView plaintext, Bytes& out);

  // One message in pieces: begin, any number of updates (each appends exactly as many bytes as it is given), finish
  // (appends the tag). An update or finish without a begin is kBadLength.
  [[nodiscard]] Status begin(ByteView nonce, ByteView aad);
  [[nodiscard]] Status update(ByteView plaintext, Bytes& out);
  [[nodiscard]] Status finish(Bytes& out);

 private:
  explicit AeadSealer(detail::CipherContext context) : context_(std::move(context)) {}
  detail::CipherContext context_;
  size_t in_message_ = 0;
  bool begun_ = false;
};

class AeadOpener {
 public:
  [[nodiscard]] static Result<AeadOpener> create(Aead aead, ByteView key);

  // Appends the plaintext (sealed.size() - 16 bytes) to `out`. kOpenFailed when it does not authenticate, then `out` is
  // as it was and nothing of the plaintext is left. `sealed` must not lie inside `out`.
  [[nodiscard]] Status open(ByteView nonce, ByteView aad, ByteView sealed, WipedBytes& out);

 private:
  explicit AeadOpener(detail::CipherContext context) : context_(std::move(context)) {}
  detail::CipherContext context_;
};

// One message under a key that is used once.
[[nodiscard]] Result<Bytes> aead_seal(Aead aead, ByteView key, ByteView nonce, ByteView aad, ByteView plaintext);
[[nodiscard]] Result<WipedBytes> aead_open(Aead aead, ByteView key, ByteView nonce, ByteView aad, ByteView sealed);

}  // namespace openpcc::crypto
