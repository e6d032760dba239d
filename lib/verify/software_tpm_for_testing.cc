#include "verify/software_tpm_for_testing.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <cstdlib>

#include "crypto/digest.h"
#include "evidence/quote.h"

namespace openpcc::verify {
namespace {

template <typename T>
T must(Result<T> result) {
  if (!result) std::abort();
  return std::move(*result);
}

template <typename F, typename T>
void interfere(const F& fault, T& value) {
  if (fault) fault(value);
}

}  // namespace

struct SoftwareTpmForTesting::AttestationKey {
  EVP_PKEY* key = EVP_RSA_gen(2048);
  Bytes modulus;

  AttestationKey() {
    BIGNUM* n = nullptr;
    if (key == nullptr || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1) std::abort();
    modulus.resize(256);
    if (BN_bn2binpad(n, modulus.data(), 256) != 256) std::abort();
    BN_free(n);
  }
  ~AttestationKey() { EVP_PKEY_free(key); }
  AttestationKey(const AttestationKey&) = delete;
  AttestationKey& operator=(const AttestationKey&) = delete;

  // TPMT_SIGNATURE, RSASSA with SHA-256.
  [[nodiscard]] Bytes sign(ByteView message) const {
    Bytes signature(256);
    size_t size = signature.size();
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    if (context == nullptr || EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key) != 1 ||
        EVP_DigestSign(context, signature.data(), &size, message.data(), message.size()) != 1) {
      std::abort();
    }
    EVP_MD_CTX_free(context);
    return tpmwire::marshal_signature({signature});
  }
};

SoftwareTpmForTesting::SoftwareTpmForTesting()
    : ak_(std::make_shared<const AttestationKey>()),
      rek_(must(crypto::KeyPair::generate(crypto::Kem::kP256HkdfSha256))) {}

const SoftwareTpmForTesting& SoftwareTpmForTesting::instance() {
  static const SoftwareTpmForTesting tpm;
  return tpm;
}

const SoftwareTpmForTesting& SoftwareTpmForTesting::other() {
  static const SoftwareTpmForTesting tpm;
  return tpm;
}

tpmwire::PcrValues SoftwareTpmForTesting::honest_pcrs() {
  tpmwire::PcrValues values;
  for (const uint32_t index : tpmwire::kOfficialPcrs) values[index].fill(static_cast<uint8_t>(index + 1));
  return values;
}

evidence::List SoftwareTpmForTesting::make_evidence(const EvidenceFaults& faults) const {
  using namespace tpmwire;
  PublicArea ak;
  ak.attributes = kFixedTpm | kFixedParent | kSensitiveDataOrigin | kUserWithAuth | kNoDa | kRestricted | kSign;
  RsaKey rsa;
  rsa.scheme = {kAlgRsassa, kAlgSha256};
  rsa.modulus = ak_->modulus;
  ak.key = rsa;
  interfere(faults.ak, ak);

  PcrValues pcrs = honest_pcrs();
  interfere(faults.pcrs, pcrs);

  PublicArea rek;
  rek.attributes = kRekAttributes;
  rek.auth_policy = to_bytes(must(policy_pcr_digest(pcrs)));
  EccKey ecc;
  ecc.scheme = {kAlgEcdh, kAlgSha256};
  const Bytes& point = rek_.public_key();
  ecc.x.assign(point.begin() + 1, point.begin() + 33);
  ecc.y.assign(point.begin() + 33, point.end());
  rek.key = ecc;
  interfere(faults.rek, rek);
  const Bytes rek_bytes = marshal_public(rek);
  // Not object_name(): a fault may have made what that refuses.
  Bytes rek_name = {0x00, 0x0b};
  append(rek_name, must(crypto::sha256(rek_bytes)));

  Attest creation;
  creation.qualified_signer = must(object_name(ak));
  creation.clock_safe = true;
  creation.attested = CreationInfo{rek_name, Bytes(32, 0x5a)};
  interfere(faults.creation, creation);
  Bytes creation_bytes = marshal_attest(creation);
  interfere(faults.creation_bytes, creation_bytes);

  std::vector<uint32_t> indices;
  std::map<uint32_t, Bytes> values;
  for (const auto& [index, value] : pcrs) {
    indices.push_back(index);
    values[index] = to_bytes(value);
  }
  Attest quote;
  quote.qualified_signer = creation.qualified_signer;
  quote.clock_safe = true;
  quote.attested = QuoteInfo{select_pcrs(indices), to_bytes(must(pcr_digest(pcrs)))};
  interfere(faults.quote, quote);
  Bytes quote_bytes = marshal_attest(quote);
  interfere(faults.quote_bytes, quote_bytes);
  const Bytes quote_signature = ak_->sign(quote_bytes);
  interfere(faults.values, values);

  Bytes sized;
  append_u16(sized, static_cast<uint16_t>(creation_bytes.size()));
  append(sized, creation_bytes);
  const Bytes mac_data(128, 0x77);
  const auto mac = must(crypto::hmac_sha256(as_bytes(faults.secret), mac_data));

  using evidence::Type;
  std::vector<evidence::Piece> pieces = {
      {Type::kUnspecified, marshal_public(ak), must(object_name(ak))},
      {Type::kCertifyRekCreation, sized, ak_->sign(creation_bytes)},
      {Type::kTpmQuote, evidence::encode_quote({quote_bytes, values}), quote_signature},
      {Type::kTpmtPublic, rek_bytes, rek_name},
      {Type::kUnspecified, mac_data, to_bytes(mac)},
  };
  interfere(faults.pieces, pieces);
  return must(evidence::List::from(std::move(pieces)));
}

}  // namespace openpcc::verify
