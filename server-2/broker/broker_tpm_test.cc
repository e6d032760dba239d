// The program tpm_broker itself, against a real swtpm.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "broker/protocol.h"
#include "crypto/key_pair.h"
#include "process/testing.h"
#include "process/unix_socket.h"
#include "tpm/swtpm_for_testing.h"
#include "tpm/tpm.h"

namespace openpcc::broker {
namespace {

using crypto::Kem;
using crypto::KeyPair;
using process::within;
using std::chrono::seconds;

constexpr tpm::Tpm::RekHandles kHandles{
    .primary = 0x81000001, .rek = 0x81000002, .creation_ticket = 0x01c0000a, .creation_hash = 0x01c0000b};

class BrokerTpmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto swtpm = tpm::SwtpmForTesting::start();
    ASSERT_TRUE(swtpm) << swtpm.error().message;
    swtpm_.emplace(std::move(*swtpm));
  }
  void TearDown() override {
    if (broker_ > 0) ::kill(broker_, SIGKILL);
    if (broker_ > 0) ::waitpid(broker_, nullptr, 0);
  }

  void make_rek() {
    auto opened = tpm::Tpm::open(swtpm_->connection());
    ASSERT_TRUE(opened) << opened.error().message;
    tpm::Tpm& tpm = *opened;
    const auto pcrs = tpm.read_pcrs(tpmwire::kOfficialPcrs);
    ASSERT_TRUE(pcrs);
    ASSERT_TRUE(tpm.create_storage_primary(kHandles.primary));
    ASSERT_TRUE(tpm.create_rek(kHandles, *pcrs));
    const auto area = tpm.read_public(kHandles.rek);
    ASSERT_TRUE(area);
    rek_point_ = *tpmwire::uncompressed_point(*tpmwire::parse_public(area->public_area));
  }

  void start_broker() {
    std::ofstream(directory_.file("broker.yaml"))
        << "listen: " << socket_ << "\nlog_level: debug\ntpm:\n"
        << "  tpm_type: Simulator\n  simulator_socket: " << swtpm_->socket_path() << "\n";
    const pid_t parent = ::getpid();
    broker_ = ::fork();
    if (broker_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(99);
    if (std::freopen(directory_.file("log").c_str(), "w", stderr) == nullptr) ::_exit(98);
    ::execl(TPM_BROKER, "tpm_broker", "--config", directory_.file("broker.yaml").c_str(), nullptr);
    ::_exit(97);
  }

  int wait_for_end() {
    int status = 0;
    ::waitpid(broker_, &status, 0);
    broker_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

  std::string log() const {
    std::stringstream text;
    text << std::ifstream(directory_.file("log")).rdbuf();
    return text.str();
  }

  Result<SecretBytes> zgen(const process::UniqueFd& control, ByteView enc) {
    OPENPCC_TRY(auto pair, process::socket_pair());
    OPENPCC_TRY_STATUS(offer_pair(control.get(), pair.second.get(), within(seconds(5))));
    pair.second.reset();
    return zgen_over(pair.first.get(), enc, within(seconds(20)));
  }

  process::TemporaryDirectory directory_;
  std::string socket_ = directory_.file("broker.sock");
  std::optional<tpm::SwtpmForTesting> swtpm_;
  Bytes rek_point_;
  pid_t broker_ = -1;
};

TEST_F(BrokerTpmTest, ServesAndEndsInPeace) {
  make_rek();
  start_broker();
  auto control = process::connect_unix(socket_, within(seconds(20)));
  ASSERT_TRUE(control) << control.error().message;
  struct stat info {};
  ASSERT_EQ(::stat(socket_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  for (int i = 0; i < 50; ++i) {
    const auto shared = zgen(*control, ours.public_key());
    ASSERT_TRUE(shared) << shared.error().message << log();
    ASSERT_EQ(*shared, *ours.dh(rek_point_));
    EXPECT_EQ(zgen(*control, Bytes(65, 4)).error().code, kBadPoint);
  }
  ::kill(broker_, SIGTERM);
  EXPECT_EQ(wait_for_end(), 0);
  EXPECT_NE(log().find("50 ECDH done"), std::string::npos) << log();
}

TEST_F(BrokerTpmTest, LostTpmEndsItWithAMessage) {
  make_rek();
  start_broker();
  auto control = process::connect_unix(socket_, within(seconds(20)));
  ASSERT_TRUE(control);
  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  ASSERT_TRUE(zgen(*control, ours.public_key()));
  swtpm_->kill();
  EXPECT_FALSE(zgen(*control, ours.public_key()));  // it may have noticed before
  EXPECT_EQ(wait_for_end(), 1);
  EXPECT_NE(log().find("connection to the TPM lost"), std::string::npos) << log();
}

TEST_F(BrokerTpmTest, RefusesToStartWithoutAKey) {
  start_broker();
  EXPECT_EQ(wait_for_end(), 1);
  EXPECT_NE(log().find("run compute_boot first"), std::string::npos) << log();
}

TEST_F(BrokerTpmTest, RefusesToStartWithOtherPcrs) {
  make_rek();
  {
    auto tpm = tpm::Tpm::open(swtpm_->connection());
    ASSERT_TRUE(tpm);
    ASSERT_TRUE(tpm->extend_pcr(12, {}));
  }
  start_broker();
  EXPECT_EQ(wait_for_end(), 1);
  EXPECT_NE(log().find("other PCR values"), std::string::npos) << log();
}

}  // namespace
}  // namespace openpcc::broker
