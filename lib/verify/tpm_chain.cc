// From the attestation key to the request encryption key: openpcc attestation/verify rek_creation.go, tpm_quote.go,
// tpmt_public.go, and what they leave unchecked.
#include <algorithm>

#include "crypto/key_pair.h"
#include "crypto/signature.h"
#include "verify/verifier.h"

namespace openpcc::verify {
namespace {

using tpmwire::attribute_names;

// The parts of a public area piece that hold for both keys: it parses, and the name beside it is its own. That name is
// not authenticated; an honest node sends the right one, so a wrong one is an altered piece.
Result<tpmwire::PublicArea> read_public(const evidence::Piece& piece, ErrorCode code, ErrorCode name_code) {
  auto area = tpmwire::parse_public(piece.data);
  if (!area) return fail(code, "its public area does not parse: " + area.error().message);
  OPENPCC_TRY(const auto name, tpmwire::object_name(*area));
  if (name != piece.signature) return fail(name_code, "the name beside it is another key's");
  return std::move(*area);
}

struct AttestCodes {
  ErrorCode malformed, signature, magic, type;
};

// Signature first, over exactly the received bytes, then the content. Without the magic, anybody who may use the key
// could have had the same bytes signed as ordinary data (Part 1, 31.2): the official client does not look.
Result<tpmwire::Attest> read_attest(ByteView bytes, ByteView signature_piece, const tpmwire::RsaNumbers& ak,
                                    uint16_t type, const AttestCodes& codes) {
  const auto signature = tpmwire::parse_signature(signature_piece);
  if (!signature) return fail(codes.signature, "its signature does not parse: " + signature.error().message);
  const auto verified = crypto::verify_rsa_pkcs1_sha256(ak.n, ak.e, bytes, signature->signature);
  if (!verified) return fail(codes.signature, "not signed by the attestation key");
  ByteReader reader(bytes);
  const auto magic = reader.u32();
  if (!magic) return fail(codes.malformed, "too short");
  if (*magic != tpmwire::kGeneratedMagic) return fail(codes.magic, "signed, but not made inside a TPM");
  const auto seen_type = reader.u16();
  if (!seen_type) return fail(codes.malformed, "too short");
  if (*seen_type != type) return fail(codes.type, "another kind of attest structure");
  auto attest = tpmwire::parse_attest(bytes);
  if (!attest) return fail(codes.malformed, "does not parse: " + attest.error().message);
  return std::move(*attest);
}

std::string list_of(const std::vector<uint32_t>& indices) {
  std::string text;
  for (const uint32_t index : indices) text += (text.empty() ? "" : ", ") + std::to_string(index);
  return text;
}

}  // namespace

Result<std::string> Verifier::check_attestation_key() {
  OPENPCC_TRY(const auto area, read_public(*ak_piece_, kBadAk, kBadAk));
  const auto* rsa = std::get_if<tpmwire::RsaKey>(&area.key);
  if (rsa == nullptr) return fail(kAkUnsuitable, "not an RSA key");
  if (rsa->scheme != tpmwire::Scheme{tpmwire::kAlgRsassa, tpmwire::kAlgSha256}) {
    return fail(kAkUnsuitable, "its scheme is not RSASSA with SHA-256");
  }
  if (rsa->key_bits < crypto::kRsaMinBits) return fail(kAkUnsuitable, "fewer than 2048 bits");
  // Restricted: the TPM lets it sign nothing but structures the TPM itself made. Fixed: it is not known elsewhere.
  constexpr uint32_t kRequired = tpmwire::kAkRequiredAttributes | tpmwire::kFixedParent | tpmwire::kSensitiveDataOrigin;
  if (const uint32_t missing = kRequired & ~area.attributes; missing != 0) {
    return fail(kAkAttributes, "it lacks " + attribute_names(missing));
  }
  if ((area.attributes & tpmwire::kDecrypt) != 0) return fail(kAkAttributes, "it is a decryption key as well");
  auto numbers = tpmwire::rsa_numbers(area);
  if (!numbers) return fail(kBadAk, numbers.error().message);
  ak_ = std::move(*numbers);
  return "RSA " + std::to_string(rsa->key_bits) + ", restricted, signing, fixed to its TPM";
}

Result<std::string> Verifier::check_key_creation() {
  const auto bytes = tpmwire::sized_content(creation_piece_->data, tpmwire::kMaxAttestBytes);
  if (!bytes) return fail(kBadCreation, "does not parse: " + bytes.error().message);
  OPENPCC_TRY(const auto attest, read_attest(*bytes, creation_piece_->signature, ak_, tpmwire::kAttestCreation,
                                             {kBadCreation, kCreationSignature, kCreationMagic, kCreationType}));
  const auto* creation = std::get_if<tpmwire::CreationInfo>(&attest.attested);
  if (creation == nullptr) return fail(kCreationType, "another kind of attest structure");
  certified_name_ = creation->object_name;
  return "signed by the attestation key";
}

Result<std::string> Verifier::check_quote() {
  auto quote = evidence::decode_quote(quote_piece_->data);
  if (!quote) return fail(kBadQuote, quote.error().message);
  quote_ = std::move(*quote);
  OPENPCC_TRY(auto attest, read_attest(quote_.attest, quote_piece_->signature, ak_, tpmwire::kAttestQuote,
                                       {kBadQuote, kQuoteSignature, kQuoteMagic, kQuoteType}));
  auto* info = std::get_if<tpmwire::QuoteInfo>(&attest.attested);
  if (info == nullptr) return fail(kQuoteType, "another kind of attest structure");
  if (info->selection != tpmwire::official_selection()) {
    return fail(kQuoteSelection, "it quotes other PCRs than 0, 1, 2, 3, 4, 5, 7, 8 and 12 of the SHA-256 bank");
  }
  quote_info_ = std::move(*info);
  return "signed by the attestation key, over the nine official PCRs";
}

Result<std::string> Verifier::check_pcr_values() {
  const auto& values = quote_.pcr_values;
  for (const uint32_t index : tpmwire::kOfficialPcrs) {
    if (!values.contains(index)) return fail(kPcrIndices, "the value of PCR " + std::to_string(index) + " is missing");
  }
  if (values.size() != tpmwire::kOfficialPcrs.size()) return fail(kPcrIndices, "values of other PCRs are among them");
  auto typed = tpmwire::pcr_values_from(values);
  if (!typed) return fail(kPcrIndices, typed.error().message);
  OPENPCC_TRY(const auto digest, tpmwire::pcr_digest(*typed));
  if (!std::ranges::equal(digest, quote_info_.pcr_digest)) return fail(kPcrDigest, "they are not the quoted ones");
  pcr_values_ = std::move(*typed);
  return "nine values, with the quoted digest";
}

Result<std::string> Verifier::check_encryption_key() {
  OPENPCC_TRY(rek_, read_public(*rek_piece_, kBadRek, kRekName));
  // The piece's signature is its own name: read_public() has just seen to that.
  if (rek_piece_->signature != certified_name_) return fail(kRekName, "the attestation key certified another key");
  const auto* ecc = std::get_if<tpmwire::EccKey>(&rek_.key);
  if (ecc == nullptr || ecc->curve != tpmwire::kCurveP256) return fail(kRekUnsuitable, "not a P-256 key");
  if (ecc->scheme != tpmwire::Scheme{tpmwire::kAlgEcdh, tpmwire::kAlgSha256} || ecc->kdf != tpmwire::Scheme{} ||
      ecc->symmetric != tpmwire::Symmetric{}) {
    return fail(kRekUnsuitable, "its scheme is not plain ECDH with SHA-256");
  }
  // Exactly these: userWithAuth would let it be used with a password alone, whatever the PCRs hold, and the official
  // checks would all still pass.
  if (rek_.attributes != tpmwire::kRekAttributes) {
    return fail(kRekAttributes, "its attributes are " + attribute_names(rek_.attributes) + ", required are exactly " +
                                    attribute_names(tpmwire::kRekAttributes));
  }
  auto point = tpmwire::uncompressed_point(rek_);
  if (!point) return fail(kBadRek, point.error().message);
  const auto on_curve = crypto::check_public_key(crypto::Kem::kP256HkdfSha256, *point);
  if (!on_curve) return fail(kBadRek, on_curve.error().message);
  rek_point_ = std::move(*point);
  return "P-256, made in this TPM, fixed to it, not usable by password";
}

Result<std::string> Verifier::check_key_policy() {
  OPENPCC_TRY(const auto policy, tpmwire::policy_pcr_digest(pcr_values_));
  if (!std::ranges::equal(policy, rek_.auth_policy)) {
    return fail(kRekPolicy, "its policy is not that of the quoted PCR values");
  }
  return "its policy is that of the quoted PCR values";
}

Result<std::string> Verifier::check_pinned_pcrs() {
  std::vector<uint32_t> pinned;
  for (const auto& [index, expected] : policy_.expected_pcrs) {
    const auto quoted = pcr_values_.find(index);
    if (quoted == pcr_values_.end()) {
      return fail(kPinnedPcr, "PCR " + std::to_string(index) + " is pinned, and no node quotes it");
    }
    if (quoted->second != expected) {
      return fail(kPinnedPcr,
                  "PCR " + std::to_string(index) + " is " + to_hex(quoted->second) + ", pinned is " + to_hex(expected));
    }
    pinned.push_back(index);
  }
  return "as pinned: " + list_of(pinned);
}

Result<std::string> Verifier::list_unpinned_pcrs() {
  std::vector<uint32_t> others;
  for (const auto& [index, value] : pcr_values_) {
    if (!policy_.expected_pcrs.contains(index)) others.push_back(index);
  }
  return "quoted, not compared: " + list_of(others);
}

}  // namespace openpcc::verify
