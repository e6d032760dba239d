// One row, one fault; everything that follows from it is made anew and signed again, so that one check is left.
#include <gtest/gtest.h>

#include "verify/software_tpm_for_testing.h"
#include "verify/verify.h"

namespace openpcc::verify {
namespace {

using namespace tpmwire;  // NOLINT: a table of TPM values

struct Row {
  const char* name;
  EvidenceFaults faults;
  ErrorCode want;
};

Policy development_policy() {
  Policy policy;
  policy.insecure_development_secret = SecretBytes::copy_of(as_bytes(kDevelopmentSecretForTesting));
  return policy;
}

Verification verify(const EvidenceFaults& faults) {
  return verify_evidence(SoftwareTpmForTesting::instance().make_evidence(faults), development_policy());
}

void expect_refused(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto verification = verify(row.faults);
    if (verification.node) {
      ADD_FAILURE() << "accepted";
    } else {
      EXPECT_EQ(verification.node.error().code.name, row.want.name) << verification.node.error().message;
    }
  }
}

auto ak_without(uint32_t bit) {
  return EvidenceFaults{.ak = [bit](PublicArea& area) { area.attributes &= ~bit; }};
}
auto ak_rsa(const std::function<void(RsaKey&)>& change) {
  return EvidenceFaults{.ak = [change](PublicArea& area) { change(std::get<RsaKey>(area.key)); }};
}
auto rek_ecc(const std::function<void(EccKey&)>& change) {
  return EvidenceFaults{.rek = [change](PublicArea& area) { change(std::get<EccKey>(area.key)); }};
}
auto quote_info(const std::function<void(QuoteInfo&)>& change) {
  return EvidenceFaults{.quote = [change](Attest& attest) { change(std::get<QuoteInfo>(attest.attested)); }};
}
auto creation_info(const std::function<void(CreationInfo&)>& change) {
  return EvidenceFaults{.creation = [change](Attest& attest) { change(std::get<CreationInfo>(attest.attested)); }};
}
auto pieces(std::function<void(std::vector<evidence::Piece>&)> change) {
  return EvidenceFaults{.pieces = std::move(change)};
}
const std::vector<evidence::Piece>& other_pieces() {
  static const auto list = SoftwareTpmForTesting::other().make_evidence();
  return list.pieces();
}
void set_u16(Bytes& bytes, size_t at, uint16_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}

TEST(TpmChain, RefusesEachFaultOfTheAttestationKey) {
  expect_refused({
      {"not restricted", ak_without(kRestricted), kAkAttributes},
      {"not signing", ak_without(kSign), kAkAttributes},
      {"not fixed to its TPM", ak_without(kFixedTpm), kAkAttributes},
      {"not fixed to its parent", ak_without(kFixedParent), kAkAttributes},
      {"not made in the TPM", ak_without(kSensitiveDataOrigin), kAkAttributes},
      {"decrypting", {.ak = [](PublicArea& a) { a.attributes |= kDecrypt; }}, kAkAttributes},
      {"no scheme", ak_rsa([](RsaKey& k) { k.scheme = {}; }), kAkUnsuitable},
      {"RSAPSS", ak_rsa([](RsaKey& k) {
         k.scheme = {kAlgRsapss, kAlgSha256};
       }),
       kAkUnsuitable},
      {"SHA-384", ak_rsa([](RsaKey& k) {
         k.scheme = {kAlgRsassa, kAlgSha384};
       }),
       kAkUnsuitable},
      {"ECC", {.ak = [](PublicArea& a) { a.key = EccKey(); }}, kAkUnsuitable},
      {"no modulus", ak_rsa([](RsaKey& k) { k.modulus.clear(); }), kBadAk},
      {"another name beside it", pieces([](auto& p) { p[0].signature = other_pieces()[0].signature; }), kBadAk},
      {"no name beside it", pieces([](auto& p) { p[0].signature.clear(); }), kBadAk},
      {"the REK in its place", pieces([](auto& p) {
         p[0].data = p[3].data;
         p[0].signature = p[3].signature;
       }),
       kAkUnsuitable},
      {"another TPM's key", pieces([](auto& p) {
         p[0].data = other_pieces()[0].data;
         p[0].signature = other_pieces()[0].signature;
       }),
       kCreationSignature},
  });
}

TEST(TpmChain, RefusesEachFaultOfTheKeyCreation) {
  expect_refused({
      {"wrong magic", {.creation_bytes = [](Bytes& b) { b[3] ^= 1; }}, kCreationMagic},
      {"a quote in its place",
       {.creation =
            [](Attest& a) {
              a.attested = QuoteInfo{official_selection(), Bytes(32)};
            }},
       kCreationType},
      {"another type", {.creation_bytes = [](Bytes& b) { set_u16(b, 4, 0x8017); }}, kCreationType},
      {"bytes after the end", {.creation_bytes = [](Bytes& b) { b.push_back(0); }}, kBadCreation},
      {"one byte short", {.creation_bytes = [](Bytes& b) { b.pop_back(); }}, kBadCreation},
      {"nothing but the magic", {.creation_bytes = [](Bytes& b) { b.resize(4); }}, kBadCreation},
      {"empty", {.creation_bytes = [](Bytes& b) { b.clear(); }}, kBadCreation},
      {"altered signature", pieces([](auto& p) { p[1].signature.back() ^= 1; }), kCreationSignature},
      {"no signature", pieces([](auto& p) { p[1].signature.clear(); }), kCreationSignature},
      {"the quote's signature", pieces([](auto& p) { p[1].signature = p[2].signature; }), kCreationSignature},
      {"other algorithm of the signature", pieces([](auto& p) { set_u16(p[1].signature, 0, kAlgRsapss); }),
       kCreationSignature},
      {"other hash of the signature", pieces([](auto& p) { set_u16(p[1].signature, 2, kAlgSha384); }),
       kCreationSignature},
      {"another TPM's", pieces([](auto& p) { p[1] = other_pieces()[1]; }), kCreationSignature},
      {"without the size in front", pieces([](auto& p) { p[1].data.erase(p[1].data.begin(), p[1].data.begin() + 2); }),
       kBadCreation},
      {"another key's name", creation_info([](CreationInfo& c) { c.object_name.back() ^= 1; }), kRekName},
      {"the attestation key's name",
       {.creation = [](Attest& a) { std::get<CreationInfo>(a.attested).object_name = a.qualified_signer; }},
       kRekName},
  });
}

TEST(TpmChain, RefusesEachFaultOfTheQuote) {
  expect_refused({
      {"wrong magic", {.quote_bytes = [](Bytes& b) { b[0] ^= 1; }}, kQuoteMagic},
      {"a creation in its place",
       {.quote =
            [](Attest& a) {
              a.attested = CreationInfo{Bytes(34), Bytes(32)};
            }},
       kQuoteType},
      {"another type", {.quote_bytes = [](Bytes& b) { set_u16(b, 4, 0x8014); }}, kQuoteType},
      {"bytes after the end", {.quote_bytes = [](Bytes& b) { b.push_back(0); }}, kBadQuote},
      {"altered signature", pieces([](auto& p) { p[2].signature.back() ^= 1; }), kQuoteSignature},
      {"the creation's signature", pieces([](auto& p) { p[2].signature = p[1].signature; }), kQuoteSignature},
      {"another TPM's", pieces([](auto& p) { p[2] = other_pieces()[2]; }), kQuoteSignature},
      {"no message", pieces([](auto& p) { p[2].data.clear(); }), kBadQuote},
      // The official client accepts these: it builds the selection from the values it is given.
      {"PCR 12 not among them", {.pcrs = [](PcrValues& v) { v.erase(12); }}, kQuoteSelection},
      {"PCRs 0 and 1 alone", {.pcrs = [](PcrValues& v) { v.erase(v.find(2), v.end()); }}, kQuoteSelection},
      {"PCR 6 as well", {.pcrs = [](PcrValues& v) { v[6].fill(7); }}, kQuoteSelection},
      {"PCR 23 as well", {.pcrs = [](PcrValues& v) { v[23].fill(7); }}, kQuoteSelection},
      {"selection of other PCRs", quote_info([](QuoteInfo& q) { q.selection[0].bitmap[0] ^= 0x40; }), kQuoteSelection},
      {"another bank", quote_info([](QuoteInfo& q) { q.selection[0].hash = kAlgSha384; }), kQuoteSelection},
      {"a second bank", quote_info([](QuoteInfo& q) { q.selection.push_back(q.selection[0]); }), kQuoteSelection},
      {"a longer bitmap", quote_info([](QuoteInfo& q) { q.selection[0].bitmap.push_back(0); }), kQuoteSelection},
      {"no selection", quote_info([](QuoteInfo& q) { q.selection.clear(); }), kQuoteSelection},
  });
}

TEST(TpmChain, RefusesEachFaultOfThePcrValues) {
  using Values = std::map<uint32_t, Bytes>;
  expect_refused({
      {"another digest", quote_info([](QuoteInfo& q) { q.pcr_digest[0] ^= 1; }), kPcrDigest},
      {"another value", {.values = [](Values& v) { v[12][0] ^= 1; }}, kPcrDigest},
      {"two values exchanged", {.values = [](Values& v) { std::swap(v[0], v[1]); }}, kPcrDigest},
      {"one missing", {.values = [](Values& v) { v.erase(12); }}, kPcrIndices},
      {"one too many", {.values = [](Values& v) { v[6] = Bytes(32); }}, kPcrIndices},
      {"one too many, of another size", {.values = [](Values& v) { v[6] = Bytes(48); }}, kPcrIndices},
      {"one under another index",
       {.values =
            [](Values& v) {
              v[13] = v[12];
              v.erase(12);
            }},
       kPcrIndices},
      {"20 bytes", {.values = [](Values& v) { v[12].resize(20); }}, kPcrIndices},
      {"48 bytes", {.values = [](Values& v) { v[12].resize(48); }}, kPcrIndices},
      // No size of any digest: such a message is not even read.
      {"31 bytes", {.values = [](Values& v) { v[12].pop_back(); }}, kBadQuote},
      {"33 bytes", {.values = [](Values& v) { v[12].push_back(0); }}, kBadQuote},
      {"an empty one", {.values = [](Values& v) { v[12].clear(); }}, kBadQuote},
      // Same bytes to be hashed, other borders: the digest would be the quoted one.
      {"borders moved",
       {.values =
            [](Values& v) {
              v[8].push_back(v[12][0]);
              v[12].erase(v[12].begin());
            }},
       kBadQuote},
      {"none", {.values = [](Values& v) { v.clear(); }}, kPcrIndices},
  });
}

TEST(TpmChain, RefusesEachOtherSetOfRekAttributes) {
  for (uint32_t bit = 0; bit < 32; ++bit) {
    const auto verification = verify({.rek = [bit](PublicArea& area) { area.attributes ^= 1U << bit; }});
    ASSERT_FALSE(verification.node) << bit;
    // Bits the standard reserves do not parse.
    constexpr uint32_t kNamed = kFixedTpm | kStClear | kFixedParent | kSensitiveDataOrigin | kUserWithAuth |
                                kAdminWithPolicy | kNoDa | kEncryptedDuplication | kRestricted | kDecrypt | kSign;
    if ((kNamed & (1U << bit)) != 0) {
      EXPECT_EQ(verification.node.error().code.name, kRekAttributes.name) << bit;
    }
  }
}

TEST(TpmChain, RefusesEachFaultOfTheEncryptionKey) {
  expect_refused({
      {"userWithAuth: usable by password, whatever the PCRs hold",
       {.rek = [](PublicArea& a) { a.attributes |= kUserWithAuth; }},
       kRekAttributes},
      {"no scheme", rek_ecc([](EccKey& k) { k.scheme = {}; }), kRekUnsuitable},
      {"ECDSA", rek_ecc([](EccKey& k) {
         k.scheme = {kAlgEcdsa, kAlgSha256};
       }),
       kRekUnsuitable},
      {"ECDH with SHA-384", rek_ecc([](EccKey& k) {
         k.scheme = {kAlgEcdh, kAlgSha384};
       }),
       kRekUnsuitable},
      {"a KDF", rek_ecc([](EccKey& k) {
         k.kdf = {kAlgKdf1Sp800_56a, kAlgSha256};
       }),
       kRekUnsuitable},
      {"a symmetric algorithm", rek_ecc([](EccKey& k) {
         k.symmetric = {kAlgAes, 128, kAlgCfb};
       }),
       kRekUnsuitable},
      {"RSA", {.rek = [](PublicArea& a) { a.key = RsaKey(); }}, kRekUnsuitable},
      {"a point off the curve", rek_ecc([](EccKey& k) { k.y.back() ^= 1; }), kBadRek},
      {"no coordinates", rek_ecc([](EccKey& k) {
         k.x.clear();
         k.y.clear();
       }),
       kBadRek},
      {"another policy", {.rek = [](PublicArea& a) { a.auth_policy[0] ^= 1; }}, kRekPolicy},
      {"no policy", {.rek = [](PublicArea& a) { a.auth_policy.clear(); }}, kRekPolicy},
      {"the policy of other PCR values",
       {.rek =
            [](PublicArea& a) {
              auto values = SoftwareTpmForTesting::honest_pcrs();
              values[12].fill(0);
              a.auth_policy = to_bytes(*policy_pcr_digest(values));
            }},
       kRekPolicy},
      {"another TPM's key", pieces([](auto& p) { p[3] = other_pieces()[3]; }), kRekName},
      {"another name beside it", pieces([](auto& p) { p[3].signature.back() ^= 1; }), kRekName},
      {"bytes after the end", pieces([](auto& p) { p[3].data.push_back(0); }), kBadRek},
      {"empty", pieces([](auto& p) { p[3].data.clear(); }), kBadRek},
  });
}

}  // namespace
}  // namespace openpcc::verify
