// A node's whole life over each transport: the simulator protocol and a device file, in front of a real swtpm.
#include "crypto/signature.h"
#include "tpm/fronts_for_testing.h"
#include "tpm/tpm_fixture_for_testing.h"

namespace openpcc::tpm {
namespace {

using crypto::Kem;
using crypto::KeyPair;

struct Transport {
  const char* name;
  std::unique_ptr<TpmFront> (*front)(const std::string& socket_path);
};

class TransportTest : public WithTpm, public ::testing::WithParamInterface<Transport> {
 protected:
  void SetUp() override {
    auto swtpm = SwtpmForTesting::start();
    ASSERT_OK(swtpm);
    swtpm_.emplace(std::move(*swtpm));
    front_ = GetParam().front(swtpm_->socket_path());
    open();
  }
  void TearDown() override { tpm_.reset(); }  // before the front

  void open() {
    tpm_.reset();
    auto tpm = Tpm::open(front_->connection());
    ASSERT_OK(tpm);
    tpm_.emplace(std::move(*tpm));
    ASSERT_OK(tpm_->startup());
  }

  std::unique_ptr<TpmFront> front_;
};

TEST_P(TransportTest, MakesKeysCertifiesQuotesAndDecapsulates) {
  ASSERT_OK(tpm_->create_ak(Hierarchy::kOwner, simulator_ak_template(), kAkHandle));
  make_rek();
  const auto certified = tpm_->certify_creation(kAkHandle, kRekHandles);
  ASSERT_OK(certified);
  const auto quote = tpm_->quote(kAkHandle, tpmwire::official_selection());
  ASSERT_OK(quote);
  const auto ak = tpm_->read_public(kAkHandle);
  ASSERT_OK(ak);
  const auto numbers = tpmwire::rsa_numbers(*tpmwire::parse_public(ak->public_area));
  ASSERT_OK(numbers);
  for (const Attestation& attestation : {*certified, *quote}) {
    const auto signature = tpmwire::parse_signature(attestation.signature);
    ASSERT_OK(signature);
    ASSERT_OK(crypto::verify_rsa_pkcs1_sha256(numbers->n, numbers->e, attestation.attest, signature->signature));
  }
  for (int i = 0; i < 50; ++i) {
    const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
    const auto secret = tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key());
    ASSERT_OK(secret);
    ASSERT_EQ(*secret, *ours.dh(rek_point_));
    Bytes no_point = to_bytes(ours.public_key());
    no_point.back() ^= 1;
    ASSERT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, policy_, no_point).error().code, kBadPoint);
  }
  expect_nothing_left();
}

TEST_P(TransportTest, AnotherClientFindsThePersistentKeys) {
  make_rek();
  open();
  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  const auto secret = tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key());
  ASSERT_OK(secret);
  EXPECT_EQ(*secret, *ours.dh(rek_point_));
}

TEST_P(TransportTest, WhatIsGoneIsUnreachable) {
  const Connection gone = front_->connection();
  tpm_.reset();
  front_.reset();
  EXPECT_EQ(Tpm::open(gone).error().code, kUnreachable);
}

INSTANTIATE_TEST_SUITE_P(Transports, TransportTest,
                         ::testing::Values(Transport{"mssim", mssim_front}, Transport{"device", device_front}),
                         [](const auto& transport) { return std::string(transport.param.name); });

}  // namespace
}  // namespace openpcc::tpm
