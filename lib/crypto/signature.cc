#include "crypto/signature.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto/openssl_util.h"

namespace openpcc::crypto {

namespace {

using detail::PkeyCtxPtr;
using detail::PkeyPtr;

constexpr size_t kMaxExponentSize = 8;
constexpr size_t kMaxPem = 4096;  // an Ed25519 key's PEM block has 113 bytes

ByteView without_leading_zeros(ByteView number) {
  while (!number.empty() && number.front() == 0) number = number.subspan(1);
  return number;
}

Result<PkeyPtr> rsa_public_key(ByteView n, ByteView e) {
  const detail::BignumPtr modulus(BN_bin2bn(n.data(), static_cast<int>(n.size()), nullptr));
  const detail::BignumPtr exponent(BN_bin2bn(e.data(), static_cast<int>(e.size()), nullptr));
  const detail::ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  if (modulus == nullptr || exponent == nullptr || builder == nullptr || context == nullptr ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return detail::unavailable("an RSA key");
  }
  const detail::ParamPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  EVP_PKEY* made = nullptr;
  if (params == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return detail::openssl_error(kBadKey, "not an RSA public key");
  }
  return PkeyPtr(made);
}

Result<PkeyPtr> ed25519_private_key(ByteView seed) {
  if (seed.size() != kEd25519KeySize) return fail(kBadKey, "an Ed25519 seed has 32 bytes");
  PkeyPtr key(EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, seed.data(), seed.size()));
  if (key == nullptr) return detail::openssl_error(kBadKey, "not an Ed25519 seed");
  return key;
}

}  // namespace

Status verify_rsa_pkcs1_sha256(ByteView n, ByteView e, ByteView message, ByteView signature) {
  n = without_leading_zeros(n);
  e = without_leading_zeros(e);
  // The size comes first: the work grows with it, and whoever gave the key may have chosen it.
  if (n.size() < kRsaMinBits / 8 || n.size() > kRsaMaxBits / 8) return fail(kBadKey, "the RSA modulus has a bad size");
  const bool odd = (n.back() & 1) != 0 && !e.empty() && (e.back() & 1) != 0;
  if (!odd || e.size() > kMaxExponentSize || (e.size() == 1 && e[0] < 3)) {
    return fail(kBadKey, "the RSA modulus or exponent cannot be one");
  }
  OPENPCC_TRY(const PkeyPtr key, rsa_public_key(n, e));
  if (EVP_PKEY_get_bits(key.get()) < static_cast<int>(kRsaMinBits)) return fail(kBadKey, "the RSA key is too short");
  if (signature.size() != n.size()) return fail(kBadSignature, "the signature is not as long as the RSA modulus");
  const detail::MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* details = nullptr;  // belongs to `context`
  if (context == nullptr ||
      EVP_DigestVerifyInit_ex(context.get(), &details, "SHA256", nullptr, nullptr, key.get(), nullptr) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PADDING) != 1) {
    return detail::unavailable("to check an RSA signature");
  }
  if (EVP_DigestVerify(context.get(), signature.data(), signature.size(), detail::data_of(message), message.size()) !=
      1) {
    return detail::openssl_error(kBadSignature, "the RSA signature does not fit");
  }
  return {};
}

Status verify_ed25519(ByteView raw_key, ByteView message, ByteView signature) {
  if (raw_key.size() != kEd25519KeySize) return fail(kBadKey, "an Ed25519 key has 32 bytes");
  if (signature.size() != kEd25519SignatureSize) return fail(kBadSignature, "an Ed25519 signature has 64 bytes");
  const PkeyPtr key(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, raw_key.data(), raw_key.size()));
  if (key == nullptr) return detail::openssl_error(kBadKey, "not an Ed25519 key");
  const detail::MdCtxPtr context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key.get(), nullptr) != 1) {
    return detail::unavailable("to check an Ed25519 signature");
  }
  if (EVP_DigestVerify(context.get(), signature.data(), signature.size(), detail::data_of(message), message.size()) !=
      1) {
    return detail::openssl_error(kBadSignature, "the Ed25519 signature does not fit");
  }
  return {};
}

Result<Bytes> ed25519_key_from_pem(std::string_view pem) {
  if (pem.size() > kMaxPem) return fail(kBadKey, "the PEM text is too long for an Ed25519 key");
  const std::unique_ptr<BIO, detail::FreeWith<BIO_free_all>> text(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (text == nullptr) return detail::unavailable("a PEM text");
  const PkeyPtr key(PEM_read_bio_PUBKEY(text.get(), nullptr, nullptr, nullptr));
  Bytes raw(kEd25519KeySize);
  size_t size = raw.size();
  if (key == nullptr || EVP_PKEY_is_a(key.get(), "ED25519") != 1 ||
      EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) != 1 || size != raw.size()) {
    return detail::openssl_error(kBadKey, "the PEM text holds no Ed25519 public key");
  }
  return raw;
}

Result<Bytes> ed25519_public_key(ByteView seed) {
  OPENPCC_TRY(const PkeyPtr key, ed25519_private_key(seed));
  Bytes raw(kEd25519KeySize);
  size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) != 1 || size != raw.size()) {
    return detail::unavailable("an Ed25519 public key");
  }
  return raw;
}

Result<Bytes> sign_ed25519(ByteView seed, ByteView message) {
  OPENPCC_TRY(const PkeyPtr key, ed25519_private_key(seed));
  const detail::MdCtxPtr context(EVP_MD_CTX_new());
  Bytes signature(kEd25519SignatureSize);
  size_t size = signature.size();
  if (context == nullptr ||
      EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key.get(), nullptr) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, detail::data_of(message), message.size()) != 1 ||
      size != signature.size()) {
    return detail::unavailable("to sign");
  }
  return signature;
}

}  // namespace openpcc::crypto
