// Evidence from a real swtpm.
#include "attest/attest.h"

#include <gtest/gtest.h>

#include <optional>

#include "crypto/digest.h"
#include "crypto/signature.h"
#include "tpm/swtpm_for_testing.h"
#include "verify/verify.h"
#include "wire/evidence.h"

namespace openpcc::attest {
namespace {

using evidence::Piece;
using evidence::Type;

constexpr Keys kKeys{
    .ak = 0x81000003,
    .rek = {.primary = 0x81000001, .rek = 0x81000002, .creation_ticket = 0x01c0000a, .creation_hash = 0x01c0000b}};

class AttestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto swtpm = tpm::SwtpmForTesting::start();
    ASSERT_TRUE(swtpm) << swtpm.error().message;
    swtpm_.emplace(std::move(*swtpm));
    auto opened = tpm::Tpm::open(swtpm_->connection());
    ASSERT_TRUE(opened) << opened.error().message;
    tpm_.emplace(std::move(*opened));
    tpmwire::Digest models;
    models.fill(0x55);
    ASSERT_TRUE(tpm_->extend_pcr(tpmwire::kModelPcr, models));
    const auto pcrs = tpm_->read_pcrs(tpmwire::kOfficialPcrs);
    ASSERT_TRUE(pcrs);
    pcrs_ = *pcrs;
    ASSERT_TRUE(tpm_->create_ak(tpm::Hierarchy::kOwner, tpm::simulator_ak_template(), kKeys.ak));
    ASSERT_TRUE(tpm_->create_storage_primary(kKeys.rek.primary));
    ASSERT_TRUE(tpm_->create_rek(kKeys.rek, pcrs_));
  }

  void expect_signed_by_ak(ByteView attest, const Piece& piece) {
    const auto ak = ak_public_piece(*tpm_, kKeys);
    ASSERT_TRUE(ak);
    const auto numbers = tpmwire::rsa_numbers(*tpmwire::parse_public(ak->data));
    const auto signature = tpmwire::parse_signature(piece.signature);
    ASSERT_TRUE(numbers && signature);
    EXPECT_TRUE(crypto::verify_rsa_pkcs1_sha256(numbers->n, numbers->e, attest, signature->signature));
  }

  std::optional<tpm::SwtpmForTesting> swtpm_;
  std::optional<tpm::Tpm> tpm_;
  tpmwire::PcrValues pcrs_;
};

TEST_F(AttestTest, PublicPieces) {
  const auto ak = ak_public_piece(*tpm_, kKeys);
  ASSERT_TRUE(ak) << ak.error().message;
  EXPECT_EQ(ak->type, Type::kAkTpmtPublic);
  EXPECT_EQ(ak->signature, *tpmwire::object_name(*tpmwire::parse_public(ak->data)));
  const auto rek = rek_public_piece(*tpm_, kKeys);
  ASSERT_TRUE(rek) << rek.error().message;
  EXPECT_EQ(rek->type, Type::kTpmtPublic);
  EXPECT_EQ(tpmwire::parse_public(rek->data)->attributes, tpmwire::kRekAttributes);
  EXPECT_EQ(tpmwire::parse_public(rek->data)->auth_policy, to_bytes(*tpmwire::policy_pcr_digest(pcrs_)));
}

TEST_F(AttestTest, CreationNamesTheRek) {
  const auto piece = rek_creation_piece(*tpm_, kKeys);
  ASSERT_TRUE(piece) << piece.error().message;
  EXPECT_EQ(piece->type, Type::kCertifyRekCreation);
  const auto attest = tpmwire::parse_sized_attest(piece->data);
  ASSERT_TRUE(attest) << attest.error().message;
  EXPECT_EQ(std::get<tpmwire::CreationInfo>(attest->attested).object_name, rek_public_piece(*tpm_, kKeys)->signature);
  expect_signed_by_ak(ByteView(piece->data).subspan(2), *piece);
}

TEST_F(AttestTest, QuoteCarriesTheValuesItQuotes) {
  const auto piece = quote_piece(*tpm_, kKeys);
  ASSERT_TRUE(piece) << piece.error().message;
  EXPECT_EQ(piece->type, Type::kTpmQuote);
  const auto quote = wire::decode_tpm_quote(piece->data);
  ASSERT_TRUE(quote) << quote.error().message;
  const auto values = tpmwire::pcr_values_from(quote->pcrs);
  ASSERT_TRUE(values);
  EXPECT_EQ(*values, pcrs_);
  const auto attest = tpmwire::parse_attest(quote->quote);
  ASSERT_TRUE(attest);
  EXPECT_EQ(std::get<tpmwire::QuoteInfo>(attest->attested).pcr_digest, to_bytes(*tpmwire::pcr_digest(*values)));
  expect_signed_by_ak(quote->quote, *piece);
}

TEST_F(AttestTest, MissingKeysAreErrors) {
  Keys keys = kKeys;
  keys.ak = 0x81000044;
  EXPECT_EQ(ak_public_piece(*tpm_, keys).error().code, tpm::kNotFound);
  EXPECT_EQ(quote_piece(*tpm_, keys).error().code, tpm::kNotFound);
  EXPECT_EQ(rek_creation_piece(*tpm_, keys).error().code, tpm::kNotFound);
  keys = kKeys;
  keys.rek.rek = 0x81000044;
  EXPECT_EQ(rek_public_piece(*tpm_, keys).error().code, tpm::kNotFound);
  EXPECT_EQ(rek_creation_piece(*tpm_, keys).error().code, tpm::kNotFound);
}

// A ticket is good for its own key alone.
TEST_F(AttestTest, CreationOfAnotherKeyIsNotCertified) {
  Keys keys = kKeys;
  keys.rek.rek = keys.rek.primary;
  EXPECT_EQ(rek_creation_piece(*tpm_, keys).error().code, tpm::kFailed);
}

class RootForTesting : public RootOfTrust {
 public:
  std::string_view name() const override { return "test"; }
  Result<std::vector<Piece>> pieces(const ReportData& report_data) override {
    return std::vector<Piece>{{Type::kSevSnpReport, to_bytes(report_data), {}}};
  }
};

TEST_F(AttestTest, HardwareReportIsBoundToTheQuote) {
  RootForTesting root;
  const auto list = collect(*tpm_, kKeys, root, {{Type::kEventLog, Bytes{1}, {}}});
  ASSERT_TRUE(list) << list.error().message;
  std::vector<Type> types;
  for (const Piece& piece : list->pieces()) types.push_back(piece.type);
  EXPECT_EQ(types, (std::vector<Type>{Type::kSevSnpReport, Type::kCertifyRekCreation, Type::kTpmtPublic,
                                      Type::kEventLog, Type::kTpmQuote}));
  const Bytes expected = concat({*crypto::sha256(list->find(Type::kTpmQuote)->signature), Bytes(32)});
  EXPECT_EQ(list->find(Type::kSevSnpReport)->data, expected);
}

#if OPENPCC_DEV_ATTESTATION
TEST_F(AttestTest, DevelopmentListIsTheOfficialOne) {
  const auto list = insecure_development_list(*tpm_, kKeys, as_bytes("123456"));
  ASSERT_TRUE(list) << list.error().message;
  struct Expected {
    Type type;
    size_t data, signature;
  };
  // Sizes of the list that the official programs make on a reference TPM.
  const Expected expected[] = {{Type::kUnspecified, 280, 34},
                               {Type::kCertifyRekCreation, 141, 262},
                               {Type::kTpmQuote, 460, 262},
                               {Type::kTpmtPublic, 120, 34},
                               {Type::kUnspecified, 128, 32}};
  ASSERT_EQ(list->size(), std::size(expected));
  for (size_t i = 0; i < std::size(expected); ++i) {
    const Piece& piece = list->pieces()[i];
    EXPECT_EQ(piece.type, expected[i].type) << i;
    EXPECT_EQ(piece.data.size(), expected[i].data) << i;
    EXPECT_EQ(piece.signature.size(), expected[i].signature) << i;
  }
  const Piece& fake = list->pieces().back();
  EXPECT_EQ(fake.signature, to_bytes(*crypto::hmac_sha256(as_bytes("123456"), fake.data)));
  const auto other = insecure_development_list(*tpm_, kKeys, as_bytes("123456"));
  EXPECT_NE(other->pieces().back().data, fake.data);
}

verify::Policy development_policy(std::string_view secret) {
  verify::Policy policy;
  policy.insecure_development_secret = SecretBytes::copy_of(as_bytes(secret));
  return policy;
}

TEST_F(AttestTest, ClientAcceptsWhatARealTpmMade) {
  const auto list = insecure_development_list(*tpm_, kKeys, as_bytes("123456"));
  ASSERT_TRUE(list);
  verify::Policy policy = development_policy("123456");
  const verify::Verification unpinned = verify::verify_evidence(*list, policy);
  ASSERT_TRUE(unpinned.node) << unpinned.node.error().message;
  EXPECT_EQ(unpinned.node->rek_point(),
            *tpmwire::uncompressed_point(*tpmwire::parse_public(rek_public_piece(*tpm_, kKeys)->data)));
  for (const auto& [index, value] : pcrs_) policy.expected_pcrs[index] = value;
  EXPECT_TRUE(verify::verify_evidence(*list, policy).node);
  EXPECT_FALSE(verify::verify_evidence(*list, development_policy("654321")).node);
}

// PCR 12 holds which models are served: a client that pinned it refuses a node with others, however right the rest is.
TEST_F(AttestTest, ClientThatPinnedTheModelsRefusesOthers) {
  verify::Policy policy = development_policy("123456");
  policy.expected_pcrs[tpmwire::kModelPcr] = pcrs_.at(tpmwire::kModelPcr);
  ASSERT_TRUE(swtpm_->restart());
  auto opened = tpm::Tpm::open(swtpm_->connection());
  ASSERT_TRUE(opened);
  tpmwire::Digest other;
  other.fill(0x55);
  other[31] ^= 1;
  ASSERT_TRUE(opened->extend_pcr(tpmwire::kModelPcr, other));
  ASSERT_TRUE(opened->create_rek(kKeys.rek, *opened->read_pcrs(tpmwire::kOfficialPcrs)));
  const auto list = insecure_development_list(*opened, kKeys, as_bytes("123456"));
  ASSERT_TRUE(list);
  EXPECT_TRUE(verify::verify_evidence(*list, development_policy("123456")).node);
  const verify::Verification pinned = verify::verify_evidence(*list, policy);
  ASSERT_FALSE(pinned.node);
  EXPECT_EQ(pinned.node.error().code, verify::kPinnedPcr);
}
#endif

}  // namespace
}  // namespace openpcc::attest
