#include "crypto/aead.h"

#include <algorithm>

#include "crypto/openssl_util.h"

namespace openpcc::crypto {

namespace {

// Fetched once, never freed.
const EVP_CIPHER* cipher_of(Aead aead) {
  static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  static const EVP_CIPHER* const chacha = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  switch (aead) {
    case Aead::kAes128Gcm:
      return aes128;
    case Aead::kAes256Gcm:
      return aes256;
    case Aead::kChaCha20Poly1305:
      return chacha;
  }
  return nullptr;
}

Result<detail::CipherContext> keyed_context(Aead aead, ByteView key, bool encrypt) {
  const EVP_CIPHER* cipher = cipher_of(aead);
  detail::CipherContext context(EVP_CIPHER_CTX_new());
  if (cipher == nullptr || context == nullptr) return detail::unavailable("the AEAD");
  if (key.size() != aead_key_size(aead)) return fail(kBadLength, "the AEAD key has a wrong size");
  if (EVP_CipherInit_ex2(context.get(), cipher, key.data(), nullptr, encrypt ? 1 : 0, nullptr) != 1) {
    return detail::unavailable("an AEAD key");
  }
  return context;
}

// The key stays; a new message begins.
Status begin_message(EVP_CIPHER_CTX* context, ByteView nonce, ByteView aad) {
  if (nonce.size() != kAeadNonceSize) return fail(kBadLength, "the AEAD nonce has a wrong size");
  if (aad.size() > kAeadMaxMessage) return fail(kBadLength, "too much additional data for one AEAD message");
  int ignored = 0;
  if (EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), -1, nullptr) != 1 ||
      (!aad.empty() && EVP_CipherUpdate(context, nullptr, &ignored, aad.data(), static_cast<int>(aad.size())) != 1)) {
    return detail::unavailable("to begin an AEAD message");
  }
  return {};
}

}  // namespace

void detail::CipherContextDeleter::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}

Result<AeadSealer> AeadSealer::create(Aead aead, ByteView key) {
  OPENPCC_TRY(detail::CipherContext context, keyed_context(aead, key, true));
  return AeadSealer(std::move(context));
}

Status AeadSealer::begin(ByteView nonce, ByteView aad) {
  begun_ = false;
  in_message_ = 0;
  OPENPCC_TRY_STATUS(begin_message(context_.get(), nonce, aad));
  begun_ = true;
  return {};
}

Status AeadSealer::update(ByteView plaintext, Bytes& out) {
  if (!begun_) return fail(kBadLength, "no AEAD message has been begun");
  if (plaintext.size() > kAeadMaxMessage - in_message_) return fail(kBadLength, "too much for one AEAD message");
  if (plaintext.empty()) return {};
  in_message_ += plaintext.size();
  const size_t before = out.size();
  out.resize(before + plaintext.size());
  int written = 0;
  if (EVP_EncryptUpdate(context_.get(), out.data() + before, &written, plaintext.data(),
                        static_cast<int>(plaintext.size())) != 1 ||
      static_cast<size_t>(written) != plaintext.size()) {
    out.resize(before);
    begun_ = false;
    return detail::unavailable("to encrypt");
  }
  return {};
}

Status AeadSealer::finish(Bytes& out) {
  if (!begun_) return fail(kBadLength, "no AEAD message has been begun");
  begun_ = false;
  const size_t before = out.size();
  out.resize(before + kAeadTagSize);
  int written = 0;
  if (EVP_EncryptFinal_ex(context_.get(), out.data() + before, &written) != 1 || written != 0 ||
      EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagSize, out.data() + before) != 1) {
    out.resize(before);
    return detail::unavailable("to make a tag");
  }
  return {};
}

Status AeadSealer::seal(ByteView nonce, ByteView aad, ByteView plaintext, Bytes& out) {
  const size_t before = out.size();
  OPENPCC_TRY_STATUS(begin(nonce, aad));
  auto sealed = update(plaintext, out);
  if (sealed) sealed = finish(out);
  if (!sealed) out.resize(before);
  return sealed;
}

Result<AeadOpener> AeadOpener::create(Aead aead, ByteView key) {
  OPENPCC_TRY(detail::CipherContext context, keyed_context(aead, key, false));
  return AeadOpener(std::move(context));
}

Status AeadOpener::open(ByteView nonce, ByteView aad, ByteView sealed, WipedBytes& out) {
  if (nonce.size() != kAeadNonceSize) return fail(kBadLength, "the AEAD nonce has a wrong size");
  if (sealed.size() < kAeadTagSize) return fail(kOpenFailed, "shorter than an AEAD tag");
  const ByteView ciphertext = sealed.first(sealed.size() - kAeadTagSize);
  if (ciphertext.size() > kAeadMaxMessage) return fail(kBadLength, "too much for one AEAD message");
  OPENPCC_TRY_STATUS(begin_message(context_.get(), nonce, aad));
  std::array<uint8_t, kAeadTagSize> tag{};
  std::copy_n(sealed.end() - kAeadTagSize, kAeadTagSize, tag.begin());

  const size_t before = out.size();
  out.resize(before + ciphertext.size());
  int written = 0;
  std::array<uint8_t, kAeadTagSize> no_output{};  // an AEAD has nothing left to write at the end
  bool genuine = ciphertext.empty() || EVP_DecryptUpdate(context_.get(), out.data() + before, &written,
                                                         ciphertext.data(), static_cast<int>(ciphertext.size())) == 1;
  genuine = genuine && EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kAeadTagSize, tag.data()) == 1;
  genuine = genuine && EVP_DecryptFinal_ex(context_.get(), no_output.data(), &written) == 1;
  if (!genuine) {
    wipe({out.data() + before, ciphertext.size()});  // what has been decrypted is not to be seen by anyone
    out.resize(before);
    return detail::openssl_error(kOpenFailed, "the message does not authenticate");
  }
  return {};
}

Result<Bytes> aead_seal(Aead aead, ByteView key, ByteView nonce, ByteView aad, ByteView plaintext) {
  OPENPCC_TRY(AeadSealer sealer, AeadSealer::create(aead, key));
  Bytes out;
  out.reserve(plaintext.size() + kAeadTagSize);
  OPENPCC_TRY_STATUS(sealer.seal(nonce, aad, plaintext, out));
  return out;
}

Result<WipedBytes> aead_open(Aead aead, ByteView key, ByteView nonce, ByteView aad, ByteView sealed) {
  OPENPCC_TRY(AeadOpener opener, AeadOpener::create(aead, key));
  WipedBytes out;
  OPENPCC_TRY_STATUS(opener.open(nonce, aad, sealed, out));
  return out;
}

}  // namespace openpcc::crypto
