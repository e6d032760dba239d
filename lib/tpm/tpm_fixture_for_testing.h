// tpm_fixture_for_testing.h - a swtpm with the keys of a compute node, shared by the tests of one program.
#pragma once

#include <gtest/gtest.h>

#include <optional>

#include "crypto/key_pair.h"
#include "tpm/swtpm_for_testing.h"
#include "tpm/tpm.h"

namespace openpcc::tpm {

inline constexpr uint32_t kAkHandle = 0x81000003;
// The handles of the official configuration.
inline constexpr Tpm::RekHandles kRekHandles{
    .primary = 0x81000001, .rek = 0x81000002, .creation_ticket = 0x01c0000a, .creation_hash = 0x01c0000b};

// Fails the calling test when a Result or Status holds an error.
#define ASSERT_OK(expression)                                            \
  do {                                                                   \
    const auto& openpcc_got = (expression);                              \
    ASSERT_TRUE(openpcc_got.has_value()) << openpcc_got.error().message; \
  } while (false)

class WithTpm : public ::testing::Test {
 protected:
  void SetUp() override {
    auto swtpm = SwtpmForTesting::start();
    ASSERT_OK(swtpm);
    swtpm_.emplace(std::move(*swtpm));
    reopen();
  }

  void reopen() {
    tpm_.reset();  // swtpm serves one connection at a time
    auto tpm = Tpm::open(swtpm_->connection());
    ASSERT_OK(tpm);
    tpm_.emplace(std::move(*tpm));
    ASSERT_OK(tpm_->startup());
  }

  // Primary and REK under the PCR values of now.
  void make_rek() {
    auto pcrs = tpm_->read_pcrs(tpmwire::kOfficialPcrs);
    ASSERT_OK(pcrs);
    policy_ = *pcrs;
    ASSERT_OK(tpm_->create_storage_primary(kRekHandles.primary));
    ASSERT_OK(tpm_->create_rek(kRekHandles, policy_));
    auto area = tpm_->read_public(kRekHandles.rek);
    ASSERT_OK(area);
    auto parsed = tpmwire::parse_public(area->public_area);
    ASSERT_OK(parsed);
    rek_ = *parsed;
    auto point = tpmwire::uncompressed_point(rek_);
    ASSERT_OK(point);
    rek_point_ = *point;
  }

  void expect_nothing_left() {
    for (const HandleKind kind : {HandleKind::kTransient, HandleKind::kLoadedSession, HandleKind::kSavedSession}) {
      const auto left = tpm_->handles(kind);
      ASSERT_OK(left);
      EXPECT_TRUE(left->empty()) << left->size() << " handles of kind " << static_cast<int>(kind);
    }
  }

  std::optional<SwtpmForTesting> swtpm_;
  std::optional<Tpm> tpm_;
  tpmwire::PcrValues policy_;
  tpmwire::PublicArea rek_;
  Bytes rek_point_;
};

}  // namespace openpcc::tpm
