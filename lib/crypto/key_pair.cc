#include "crypto/key_pair.h"

#include <openssl/core_names.h>

#include "crypto/labeled.h"
#include "crypto/openssl_util.h"

namespace openpcc::crypto {

struct KeyPair::Key {
  Kem kem;
  PublicKey public_key;
  detail::PkeyPtr pkey;
};

namespace {

using detail::PkeyCtxPtr;
using detail::PkeyPtr;

constexpr char kP256Name[] = "prime256v1";
constexpr uint8_t kUncompressed = 0x04;  // SEC 1 §2.3.3

// Made once, never freed, only read afterwards.
const EC_GROUP* p256() {
  static const EC_GROUP* const group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  return group;
}

// A key with the curve and nothing else: copying its parameters is far cheaper than looking the curve up by name.
EVP_PKEY* p256_parameters() {
  static EVP_PKEY* const parameters = []() -> EVP_PKEY* {
    const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    char name[] = "prime256v1";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY* made = nullptr;
    if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEY_PARAMETERS, params) != 1) {
      return nullptr;
    }
    return made;
  }();
  return parameters;
}

Result<PkeyPtr> p256_peer(ByteView public_key) {
  PkeyPtr peer(EVP_PKEY_new());
  EVP_PKEY* parameters = p256_parameters();
  if (peer == nullptr || parameters == nullptr || EVP_PKEY_copy_parameters(peer.get(), parameters) != 1) {
    return detail::unavailable("a P-256 public key");
  }
  if (EVP_PKEY_set1_encoded_public_key(peer.get(), public_key.data(), public_key.size()) != 1) {
    return detail::openssl_error(kBadPublicKey, "not a P-256 public key");
  }
  return peer;
}

Result<PkeyPtr> x25519_peer(ByteView public_key) {
  PkeyPtr peer(EVP_PKEY_new_raw_public_key_ex(nullptr, "X25519", nullptr, public_key.data(), public_key.size()));
  if (peer == nullptr) return detail::openssl_error(kBadPublicKey, "not an X25519 public key");
  return peer;
}

// The public point of a private scalar, or kBadPrivateKey.
Result<PublicKey> p256_public(const BIGNUM* scalar) {
  const EC_GROUP* group = p256();
  if (group == nullptr) return detail::unavailable("P-256");
  if (BN_is_zero(scalar) || BN_cmp(scalar, EC_GROUP_get0_order(group)) >= 0) {
    return fail(kBadPrivateKey, "a P-256 private key must be above zero and below the group's order");
  }
  const detail::EcPointPtr point(EC_POINT_new(group));
  const detail::BnCtxPtr scratch(BN_CTX_secure_new());
  PublicKey out(public_key_size(Kem::kP256HkdfSha256));
  if (point == nullptr || scratch == nullptr ||
      EC_POINT_mul(group, point.get(), scalar, nullptr, nullptr, scratch.get()) != 1 ||
      EC_POINT_point2oct(group, point.get(), POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(), scratch.get()) !=
          out.size()) {
    return detail::unavailable("to compute a P-256 public key");
  }
  return out;
}

Result<std::pair<PublicKey, PkeyPtr>> p256_from_scalar(ByteView private_key) {
  const detail::BignumPtr scalar(BN_secure_new());
  if (scalar == nullptr ||
      BN_bin2bn(private_key.data(), static_cast<int>(private_key.size()), scalar.get()) == nullptr) {
    return detail::unavailable("a P-256 private key");
  }
  BN_set_flags(scalar.get(), BN_FLG_CONSTTIME);
  OPENPCC_TRY(PublicKey public_key, p256_public(scalar.get()));
  const detail::ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  if (builder == nullptr || context == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, kP256Name, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, public_key.data(), public_key.size()) !=
          1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get()) != 1) {
    return detail::unavailable("a P-256 private key");
  }
  const detail::ParamPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  EVP_PKEY* made = nullptr;
  if (params == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, params.get()) != 1) {
    return detail::unavailable("a P-256 private key");
  }
  return std::pair(std::move(public_key), PkeyPtr(made));
}

Result<std::pair<PublicKey, PkeyPtr>> x25519_from_scalar(ByteView private_key) {
  PkeyPtr pkey(EVP_PKEY_new_raw_private_key_ex(nullptr, "X25519", nullptr, private_key.data(), private_key.size()));
  PublicKey public_key(public_key_size(Kem::kX25519HkdfSha256));
  size_t size = public_key.size();
  if (pkey == nullptr || EVP_PKEY_get_raw_public_key(pkey.get(), public_key.data(), &size) != 1 ||
      size != public_key.size()) {
    return detail::unavailable("an X25519 private key");
  }
  return std::pair(std::move(public_key), std::move(pkey));
}

}  // namespace

Status check_public_key(Kem kem, ByteView public_key) {
  if (public_key.size() != public_key_size(kem)) return fail(kBadPublicKey, "a public key has a wrong size");
  if (kem == Kem::kX25519HkdfSha256) return {};
  if (public_key[0] != kUncompressed) return fail(kBadPublicKey, "a P-256 public key is not in uncompressed form");
  const EC_GROUP* group = p256();
  const detail::EcPointPtr point(group == nullptr ? nullptr : EC_POINT_new(group));
  if (point == nullptr) return detail::unavailable("P-256");
  // Refuses coordinates beyond the field and points off the curve.
  if (EC_POINT_oct2point(group, point.get(), public_key.data(), public_key.size(), nullptr) != 1) {
    return detail::openssl_error(kBadPublicKey, "a P-256 public key is not on the curve");
  }
  return {};
}

Result<KeyPair> KeyPair::generate(Kem kem, const RandomSource& random) {
  constexpr int kTries = 64;  // one in 2^32 candidates is no P-256 scalar: more than two tries mean a broken generator
  SecretBytes candidate(kPrivateKeySize);
  for (int i = 0; i < kTries; ++i) {
    OPENPCC_TRY_STATUS(random(candidate.mutable_view()));
    auto made = from_private(kem, candidate.view());
    if (made || made.error().code != kBadPrivateKey) return made;
  }
  return fail(kRandomFailed, "the random source gives no valid private key");
}

Result<KeyPair> KeyPair::from_private(Kem kem, ByteView private_key) {
  if (private_key.size() != kPrivateKeySize) return fail(kBadPrivateKey, "a private key has a wrong size");
  OPENPCC_TRY(auto made, kem == Kem::kP256HkdfSha256 ? p256_from_scalar(private_key) : x25519_from_scalar(private_key));
  return KeyPair(std::make_shared<const Key>(Key{kem, std::move(made.first), std::move(made.second)}));
}

Result<KeyPair> KeyPair::derive(Kem kem, ByteView input_key_material) {
  if (input_key_material.size() < kPrivateKeySize) {
    return fail(kBadLength, "key material must be at least as long as the private key");  // RFC 9180 §7.1.3
  }
  const auto id = detail::kem_suite_id(kem);
  OPENPCC_TRY(SecretBytes prk, detail::labeled_extract(id, {}, "dkp_prk", input_key_material));
  if (kem == Kem::kX25519HkdfSha256) {
    OPENPCC_TRY(SecretBytes scalar, detail::labeled_expand(id, prk.view(), "sk", {}, kPrivateKeySize));
    return from_private(kem, scalar.view());
  }
  for (unsigned counter = 0; counter <= 255; ++counter) {
    const std::array<uint8_t, 1> number = {static_cast<uint8_t>(counter)};
    OPENPCC_TRY(SecretBytes scalar, detail::labeled_expand(id, prk.view(), "candidate", {number}, kPrivateKeySize));
    auto made = from_private(kem, scalar.view());
    if (made || made.error().code != kBadPrivateKey) return made;
  }
  return fail(kBadPrivateKey, "no private key can be derived from this key material");
}

Kem KeyPair::kem() const {
  return key_->kem;
}

const PublicKey& KeyPair::public_key() const {
  return key_->public_key;
}

Result<SecretBytes> KeyPair::dh(ByteView peer) const {
  OPENPCC_TRY_STATUS(check_public_key(key_->kem, peer));
  OPENPCC_TRY(const PkeyPtr peer_key, key_->kem == Kem::kP256HkdfSha256 ? p256_peer(peer) : x25519_peer(peer));
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_->pkey.get(), nullptr));
  // No second validation of the peer's point: it has been checked to be on the curve, and the cofactor is 1.
  if (context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer_ex(context.get(), peer_key.get(), 0) != 1) {
    return detail::unavailable("a Diffie-Hellman");
  }
  SecretBytes out(kDhSize);
  size_t size = out.size();
  // All zeros: a small-order point of X25519 (RFC 9180 §7.1.4), or the one X coordinate the official programs refuse.
  if (EVP_PKEY_derive(context.get(), out.mutable_view().data(), &size) != 1 || size != out.size() ||
      detail::all_zero(out.view())) {
    return detail::openssl_error(kBadPublicKey, "the peer's public key gives no shared secret");
  }
  return out;
}

DiffieHellman KeyPair::diffie_hellman() const {
  return [self = *this](ByteView enc) { return self.dh(enc); };
}

}  // namespace openpcc::crypto
