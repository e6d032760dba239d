#include "crypto/digest.h"

#include <openssl/core_names.h>

#include "base/secret_bytes.h"
#include "crypto/openssl_util.h"

namespace openpcc::crypto {

namespace {

// Fetched once: looking an algorithm up costs more than hashing a short text. Never freed, and never changed.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

// A context with the algorithm set and no key, to copy from.
EVP_MAC_CTX* hmac_template() {
  static EVP_MAC_CTX* const context = []() -> EVP_MAC_CTX* {
    EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    if (mac == nullptr) return nullptr;
    EVP_MAC_CTX* made = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);  // the context holds its own reference
    if (made == nullptr) return nullptr;
    char name[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                 OSSL_PARAM_construct_end()};
    if (EVP_MAC_CTX_set_params(made, params) != 1) {
      EVP_MAC_CTX_free(made);
      return nullptr;
    }
    return made;
  }();
  return context;
}

}  // namespace

Result<Sha256Digest> sha256(ByteView data) {
  Sha256Digest out{};
  unsigned size = 0;
  const EVP_MD* algorithm = sha256_algorithm();
  if (algorithm == nullptr ||
      EVP_Digest(detail::data_of(data), data.size(), out.data(), &size, algorithm, nullptr) != 1 ||
      size != out.size()) {
    return detail::unavailable("SHA-256");
  }
  return out;
}

Result<Sha256Digest> hmac_sha256(ByteView key, std::initializer_list<ByteView> parts) {
  // HMAC fills a short key up with zeros, so the empty key and 32 zeros are the same one; OpenSSL has no empty key.
  static constexpr std::array<uint8_t, kSha256Size> kZeros{};
  if (key.empty()) key = kZeros;
  const EVP_MAC_CTX* ready = hmac_template();
  const detail::MacCtxPtr context(ready == nullptr ? nullptr : EVP_MAC_CTX_dup(ready));
  bool done = context != nullptr && EVP_MAC_init(context.get(), key.data(), key.size(), nullptr) == 1;
  for (const ByteView part : parts) {
    done = done && (part.empty() || EVP_MAC_update(context.get(), part.data(), part.size()) == 1);
  }
  Sha256Digest out{};
  size_t size = 0;
  done = done && EVP_MAC_final(context.get(), out.data(), &size, out.size()) == 1 && size == out.size();
  if (!done) return detail::unavailable("HMAC-SHA-256");
  return out;
}

Result<Sha256Digest> hmac_sha256(ByteView key, ByteView data) {
  return hmac_sha256(key, {data});
}

void Sha256::Deleter::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Result<Sha256> Sha256::create() {
  Context context(EVP_MD_CTX_new());
  const EVP_MD* algorithm = sha256_algorithm();
  if (context == nullptr || algorithm == nullptr || EVP_DigestInit_ex2(context.get(), algorithm, nullptr) != 1) {
    return detail::unavailable("SHA-256");
  }
  return Sha256(std::move(context));
}

Status Sha256::update(ByteView data) {
  if (context_ == nullptr || EVP_DigestUpdate(context_.get(), detail::data_of(data), data.size()) != 1) {
    return detail::unavailable("to hash more");
  }
  return {};
}

Result<Sha256Digest> Sha256::finish() {
  Sha256Digest out{};
  unsigned size = 0;
  if (context_ == nullptr || EVP_DigestFinal_ex(context_.get(), out.data(), &size) != 1 || size != out.size()) {
    return detail::unavailable("to finish a hash");
  }
  context_.reset();
  return out;
}

}  // namespace openpcc::crypto
