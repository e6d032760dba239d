// 10,000 decapsulations, half of them broken, after which nothing is left in the TPM and it still works. Three lost
// sessions would block swtpm for good.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "tpm/tpm_fixture_for_testing.h"

namespace openpcc::tpm {
namespace {

using crypto::Kem;
using crypto::KeyPair;

constexpr int kRounds = 10000;

class TpmLeakTest : public WithTpm {};

TEST_F(TpmLeakTest, NothingIsLeftAfterTenThousandDecapsulations) {
  make_rek();
  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  const SecretBytes expected = *ours.dh(rek_point_);

  Bytes off_curve = ours.public_key();
  off_curve.back() ^= 1;
  Bytes no_form = ours.public_key();
  no_form[0] = 0x02;
  const Bytes infinity = concat({Bytes{4}, Bytes(64)});
  const Bytes too_large = concat({Bytes{4}, Bytes(64, 0xff)});
  tpmwire::PcrValues wrong_value = policy_;
  wrong_value[12][5] ^= 1;
  tpmwire::PcrValues fewer = policy_;
  fewer.erase(8);
  struct Broken {
    const char* name;
    ByteView point;
    const tpmwire::PcrValues& policy;
    uint32_t handle;
    ErrorCode want;
  };
  const ByteView good = ours.public_key();
  const uint32_t rek = kRekHandles.rek;
  const Broken kinds[] = {
      {"off the curve", off_curve, policy_, rek, kBadPoint},
      {"wrong form", no_form, policy_, rek, kBadPoint},
      {"cut", good.first(64), policy_, rek, kBadPoint},
      {"point at infinity", infinity, policy_, rek, kBadPoint},
      {"coordinates too large", too_large, policy_, rek, kBadPoint},
      {"PCR value that is not the TPM's", good, wrong_value, rek, kPolicyFailed},
      {"policy over fewer PCRs", good, fewer, rek, kPolicyFailed},
      {"no such key", good, policy_, 0x81000055, kNotFound},
      {"key without this policy", good, policy_, kRekHandles.primary, kPolicyFailed},
  };

  std::chrono::nanoseconds tpm_time{};
  int opened = 0;
  for (int i = 0; i < kRounds; ++i) {
    if (i % 5 == 0) ASSERT_OK(tpm_->prepare_zgen(policy_));
    if (i % 2 == 0) {
      const auto got = tpm_->ecdh_zgen(rek, policy_, good);
      ASSERT_OK(got);
      ASSERT_EQ(*got, expected);
      tpm_time += tpm_->last_duration();
      ++opened;
    } else {
      const Broken& broken = kinds[static_cast<size_t>(i / 2) % std::size(kinds)];
      const auto got = tpm_->ecdh_zgen(broken.handle, broken.policy, broken.point);
      ASSERT_FALSE(got) << broken.name;
      ASSERT_EQ(got.error().code, broken.want) << broken.name << ": " << got.error().message;
    }
    if (i % 1000 == 1) expect_nothing_left();
  }
  EXPECT_EQ(*tpm_->ecdh_zgen(rek, policy_, good), expected) << "with a session that still waited";
  expect_nothing_left();
  EXPECT_EQ(*tpm_->ecdh_zgen(rek, policy_, good), expected);
  std::printf("ECDH_ZGen in its policy session: %.3f ms on average over %d\n",
              std::chrono::duration<double, std::milli>(tpm_time).count() / opened, opened);
}

// Starts two policy sessions with bare commands and goes away.
void leave_sessions_behind(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, address.sun_path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  // StartAuthSession, byte for byte as the official worker sends it.
  const Bytes command = *from_hex(
      "80010000002b000001764000000740000007"
      "0010" +
      std::string(32, 'a') +
      "0000"
      "01"
      "0010"
      "000b");
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(write(fd, command.data(), command.size()), static_cast<ssize_t>(command.size()));
    std::array<uint8_t, 128> answer{};
    ASSERT_GE(read(fd, answer.data(), answer.size()), 10);
    ASSERT_EQ(to_hex(ByteView(answer).subspan(6, 4)), "00000000");
  }
  close(fd);
}

// What a crashed client leaves is flushed by the next one.
TEST_F(TpmLeakTest, LeftoversOfACrashedClientAreFlushed) {
  make_rek();
  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  for (int i = 0; i < 5; ++i) {
    tpm_.reset();
    leave_sessions_behind(swtpm_->socket_path());
    reopen();
    expect_nothing_left();
    ASSERT_OK(tpm_->ecdh_zgen(kRekHandles.rek, policy_, ours.public_key()));
  }
}

}  // namespace
}  // namespace openpcc::tpm
