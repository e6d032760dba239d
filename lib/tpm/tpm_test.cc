// The operations of a compute node against a real swtpm.
#include <sys/stat.h>

#include "crypto/signature.h"
#include "tpm/tpm_fixture_for_testing.h"

namespace openpcc::tpm {
namespace {

using crypto::Kem;
using crypto::KeyPair;

class TpmTest : public WithTpm {
 protected:
  void expect_signed(const Attestation& attestation) {
    auto ak = tpm_->read_public(kAkHandle);
    ASSERT_OK(ak);
    const auto numbers = tpmwire::rsa_numbers(*tpmwire::parse_public(ak->public_area));
    ASSERT_OK(numbers);
    const auto signature = tpmwire::parse_signature(attestation.signature);
    ASSERT_OK(signature);
    ASSERT_OK(crypto::verify_rsa_pkcs1_sha256(numbers->n, numbers->e, attestation.attest, signature->signature));
    Bytes altered = attestation.attest;
    altered.back() ^= 1;
    EXPECT_FALSE(crypto::verify_rsa_pkcs1_sha256(numbers->n, numbers->e, altered, signature->signature));
  }

  void make_ak() { ASSERT_OK(tpm_->create_ak(Hierarchy::kOwner, simulator_ak_template(), kAkHandle)); }
};

TEST_F(TpmTest, SocketIsPrivate) {
  struct stat info {};
  ASSERT_EQ(stat(swtpm_->socket_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  ASSERT_EQ(stat(swtpm_->directory().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
}

TEST_F(TpmTest, InfoAndRandom) {
  const auto info = tpm_->info();
  ASSERT_OK(info);
  EXPECT_EQ(info->manufacturer, "IBM");
  const auto random = tpm_->random(100);
  ASSERT_OK(random);
  EXPECT_EQ(random->size(), 100U);
  EXPECT_NE(*tpm_->random(100), *random);
}

TEST_F(TpmTest, PcrsStartAtZeroAndExtend) {
  auto values = tpm_->read_pcrs(tpmwire::kOfficialPcrs);
  ASSERT_OK(values);
  EXPECT_EQ(values->size(), 9U);
  for (const auto& [index, value] : *values) EXPECT_EQ(value, tpmwire::Digest{}) << index;
  tpmwire::Digest digest;
  digest.fill(7);
  ASSERT_OK(tpm_->extend_pcr(12, digest));
  values = tpm_->read_pcrs(tpmwire::kOfficialPcrs);
  EXPECT_EQ(values->at(12), *tpmwire::extended(tpmwire::Digest{}, digest));
  EXPECT_EQ(values->at(8), tpmwire::Digest{});
  EXPECT_EQ(tpm_->extend_pcr(99, digest).error().code, kBadArgument);
}

TEST_F(TpmTest, AttestationKeysOfBothKinds) {
  make_ak();
  auto simulator = tpm_->read_public(kAkHandle);
  ASSERT_OK(simulator);
  auto parsed = tpmwire::parse_public(simulator->public_area);
  ASSERT_OK(parsed);
  EXPECT_EQ(simulator->public_area.size(), 280U);  // as in the official evidence
  EXPECT_EQ(*tpmwire::object_name(*parsed), simulator->name);
  EXPECT_EQ(parsed->attributes, simulator_ak_template().attributes);
  // The same template gives the same primary key; another one replaces it at the handle.
  make_ak();
  EXPECT_EQ(tpm_->read_public(kAkHandle)->name, simulator->name);
  ASSERT_OK(tpm_->create_ak(Hierarchy::kEndorsement, qemu_ak_template(), kAkHandle));
  auto qemu = tpm_->read_public(kAkHandle);
  ASSERT_OK(qemu);
  EXPECT_NE(qemu->name, simulator->name);
  EXPECT_EQ(tpmwire::parse_public(qemu->public_area)->auth_policy, qemu_ak_template().auth_policy);
  const auto quote = tpm_->quote(kAkHandle, tpmwire::official_selection());
  ASSERT_OK(quote);
  expect_signed(*quote);
  expect_nothing_left();
}

TEST_F(TpmTest, QuoteIsOverTheOfficialPcrs) {
  make_ak();
  tpmwire::Digest digest;
  digest.fill(9);
  ASSERT_OK(tpm_->extend_pcr(12, digest));
  const auto quote = tpm_->quote(kAkHandle, tpmwire::official_selection(), as_bytes("nonce"));
  ASSERT_OK(quote);
  EXPECT_EQ(quote->signature.size(), 262U);
  const auto attest = tpmwire::parse_attest(quote->attest);
  ASSERT_OK(attest);
  EXPECT_EQ(tpmwire::marshal_attest(*attest), quote->attest);
  EXPECT_EQ(as_text(attest->extra_data), "nonce");
  const auto& info = std::get<tpmwire::QuoteInfo>(attest->attested);
  EXPECT_EQ(info.selection, tpmwire::official_selection());
  const auto values = tpm_->read_pcrs(tpmwire::kOfficialPcrs);
  EXPECT_EQ(info.pcr_digest, to_bytes(*tpmwire::pcr_digest(*values)));
  expect_signed(*quote);
}

TEST_F(TpmTest, RekIsBoundCertifiedAndUsable) {
  make_ak();
  make_rek();
  EXPECT_EQ(rek_.attributes, tpmwire::kRekAttributes);
  EXPECT_EQ(rek_.auth_policy, to_bytes(*tpmwire::policy_pcr_digest(policy_)));
  EXPECT_EQ(tpmwire::marshal_public(rek_).size(), 120U);
  EXPECT_EQ(tpm_->nv_read(kRekHandles.creation_hash)->size(), 34U);

  const auto certified = tpm_->certify_creation(kAkHandle, kRekHandles);
  ASSERT_OK(certified);
  const auto attest = tpmwire::parse_attest(certified->attest);
  ASSERT_OK(attest);
  EXPECT_EQ(std::get<tpmwire::CreationInfo>(attest->attested).object_name, *tpmwire::object_name(rek_));
  expect_signed(*certified);

  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  const auto hardware = tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key());
  ASSERT_OK(hardware);
  EXPECT_GT(tpm_->last_duration().count(), 0);
  EXPECT_EQ(*hardware, *ours.dh(rek_point_));
  expect_nothing_left();

  // Another client finds the persistent keys.
  reopen();
  EXPECT_EQ(*tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key()), *ours.dh(rek_point_));
  EXPECT_TRUE(*tpm_->is_persistent(kRekHandles.rek));
}

TEST_F(TpmTest, RekNeedsItsPcrs) {
  make_rek();
  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  // Values that are not those of the TPM.
  tpmwire::PcrValues wrong = policy_;
  wrong[12][0] = 1;
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, wrong, ours.public_key()).error().code, kPolicyFailed);
  // Values that are, but not of all the PCRs the key is bound to.
  wrong = policy_;
  wrong.erase(12);
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, wrong, ours.public_key()).error().code, kPolicyFailed);
  wrong = policy_;
  wrong[23] = tpm_->read_pcrs(std::vector<uint32_t>{23})->at(23);
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, wrong, ours.public_key()).error().code, kPolicyFailed);
  ASSERT_OK(tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key()));
  // A bound PCR changes: neither the old nor the new values open the key again.
  ASSERT_OK(tpm_->extend_pcr(12, tpmwire::Digest{}));
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key()).error().code, kPolicyFailed);
  const auto now = tpm_->read_pcrs(tpmwire::kOfficialPcrs);
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, *now, ours.public_key()).error().code, kPolicyFailed);
  expect_nothing_left();
}

TEST_F(TpmTest, APreparedSessionServesOnceAndNeverAgainstThePolicy) {
  make_rek();
  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  const auto sessions = [&] { return tpm_->handles(HandleKind::kLoadedSession)->size(); };
  const auto opens = [&] {
    const auto got = tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key());
    return got && *got == *ours.dh(rek_point_);
  };
  ASSERT_OK(tpm_->prepare_zgen(policy_));
  ASSERT_OK(tpm_->prepare_zgen(policy_));
  EXPECT_EQ(sessions(), 1U) << "twice is once";
  EXPECT_TRUE(opens());
  EXPECT_EQ(sessions(), 0U);
  EXPECT_TRUE(opens()) << "without one";
  // A point that the TPM refuses takes it along.
  ASSERT_OK(tpm_->prepare_zgen(policy_));
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, policy_, concat({Bytes{4}, Bytes(64)})).error().code, kBadPoint);
  expect_nothing_left();
  // Another policy does not get this one's.
  ASSERT_OK(tpm_->prepare_zgen(policy_));
  tpmwire::PcrValues wrong = policy_;
  wrong[12][0] = 1;
  EXPECT_EQ(tpm_->prepare_zgen(wrong).error().code, kPolicyFailed);
  EXPECT_EQ(sessions(), 0U) << "and leaves none behind";
  ASSERT_OK(tpm_->prepare_zgen(policy_));
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, wrong, ours.public_key()).error().code, kPolicyFailed);
  EXPECT_TRUE(opens());
  // A PCR that the policy does not name: the session is void, the key is not.
  ASSERT_OK(tpm_->prepare_zgen(policy_));
  ASSERT_OK(tpm_->extend_pcr(16, tpmwire::Digest{}));
  EXPECT_TRUE(opens());
  expect_nothing_left();
  // One that it names: a session from before does not help.
  ASSERT_OK(tpm_->prepare_zgen(policy_));
  ASSERT_OK(tpm_->extend_pcr(12, tpmwire::Digest{}));
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key()).error().code, kPolicyFailed);
  expect_nothing_left();
}

TEST_F(TpmTest, APreparedSessionEndsWithItsOwner) {
  make_rek();
  ASSERT_OK(tpm_->prepare_zgen(policy_));
  Tpm moved = std::move(*tpm_);
  EXPECT_EQ(moved.handles(HandleKind::kLoadedSession)->size(), 1U);
  tpm_.emplace(std::move(moved));
  tpm_.reset();
  reopen();
  expect_nothing_left();
  // A TPM that was restarted has forgotten it.
  ASSERT_OK(tpm_->prepare_zgen(policy_));
  swtpm_->kill();
  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key()).error().code, kLost);
  ASSERT_OK(swtpm_->restart());
  reopen();
  EXPECT_EQ(*tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key()), *ours.dh(rek_point_));
}

TEST_F(TpmTest, RebootWithOtherPcrsLocksTheRek) {
  ASSERT_OK(tpm_->extend_pcr(12, tpmwire::Digest{}));
  make_rek();
  ASSERT_OK(swtpm_->restart());
  reopen();
  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key()).error().code, kPolicyFailed);
  ASSERT_OK(tpm_->extend_pcr(12, tpmwire::Digest{}));
  EXPECT_EQ(*tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key()), *ours.dh(rek_point_));
}

TEST_F(TpmTest, MissingHandlesAreNotFound) {
  EXPECT_EQ(tpm_->read_public(0x81000077).error().code, kNotFound);
  EXPECT_EQ(tpm_->quote(0x81000077, tpmwire::official_selection()).error().code, kNotFound);
  EXPECT_EQ(tpm_->certify_creation(0x81000077, kRekHandles).error().code, kNotFound);
  EXPECT_EQ(tpm_->create_rek(kRekHandles, {{0, {}}}).error().code, kNotFound);
  EXPECT_FALSE(*tpm_->is_persistent(0x81000077));
  ASSERT_OK(tpm_->clear_persistent(0x81000077));
  EXPECT_EQ(tpm_->clear_persistent(0x01c00077).error().code, kBadArgument);
  EXPECT_EQ(tpm_->create_primary(Hierarchy::kOwner, as_bytes("no template"), 0x81000077).error().code, kBadArgument);
  EXPECT_EQ(tpm_->create_storage_primary(0x01c00077).error().code, kBadArgument);
  expect_nothing_left();
}

TEST_F(TpmTest, NewRekReplacesTheOldOne) {
  make_rek();
  const Bytes before = rek_point_;
  make_rek();
  EXPECT_NE(rek_point_, before);
  ASSERT_OK(tpm_->clear_persistent(kRekHandles.rek));
  EXPECT_FALSE(*tpm_->is_persistent(kRekHandles.rek));
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, policy_, rek_point_).error().code, kNotFound);
  expect_nothing_left();
}

TEST_F(TpmTest, LostConnectionIsReported) {
  make_rek();
  swtpm_->kill();
  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  EXPECT_EQ(tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key()).error().code, kLost);
  EXPECT_EQ(tpm_->random(1).error().code, kLost);
  EXPECT_EQ(Tpm::open(swtpm_->connection()).error().code, kUnreachable);
  ASSERT_OK(swtpm_->restart());
  EXPECT_EQ(tpm_->random(1).error().code, kLost);  // a new one must be opened
  reopen();
  ASSERT_OK(tpm_->random(1));
}

TEST_F(TpmTest, SecondClientWaitsInVainUntilTheFirstLeaves) {
  Connection impatient = swtpm_->connection();
  impatient.timeout = std::chrono::seconds(1);
  EXPECT_EQ(Tpm::open(impatient).error().code, kLost);
  tpm_.reset();
  auto second = Tpm::open(impatient);
  ASSERT_OK(second);
  ASSERT_OK(second->random(1));
}

TEST(Connection, Refusals) {
  EXPECT_EQ(Tpm::open(Connection::swtpm("/nowhere/tpm.sock")).error().code, kUnreachable);
  EXPECT_EQ(Tpm::open(Connection::swtpm("")).error().code, kUnreachable);
  EXPECT_EQ(Tpm::open(Connection::swtpm(std::string(200, 'x'))).error().code, kUnreachable);
  EXPECT_EQ(Tpm::open(Connection::device("/nowhere/tpmrm0")).error().code, kUnreachable);
  EXPECT_EQ(Tpm::open(Connection::mssim("127.0.0.1", 1)).error().code, kUnreachable);
}

TEST(Connection, SimulatorAddresses) {
  const auto standard = Connection::mssim("", "");
  ASSERT_OK(standard);
  EXPECT_EQ(standard->describe(), "simulator at 127.0.0.1:2321");
  EXPECT_EQ(Connection::mssim("tpm.local:4000", "tpm.local:4001")->port, 4000);
  for (const char* bad : {"host", ":2321", "host:", "host:0", "host:70000", "host:23x", "a,port=1:2", "a b:1"}) {
    EXPECT_EQ(Connection::mssim(bad, "").error().code, kBadAddress) << bad;
  }
  EXPECT_EQ(Connection::mssim("host:2321", "host:2323").error().code, kBadAddress);
  EXPECT_EQ(Connection::mssim("host:2321", "other:2322").error().code, kBadAddress);
  EXPECT_EQ(Connection::mssim("host:2321", "2322").error().code, kBadAddress);
}

}  // namespace
}  // namespace openpcc::tpm
