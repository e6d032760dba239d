#include "verify/verify.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "verify/software_tpm_for_testing.h"

namespace openpcc::verify {
namespace {

using Pieces = std::vector<evidence::Piece>;

const SoftwareTpmForTesting& tpm() {
  return SoftwareTpmForTesting::instance();
}

Policy development_policy() {
  Policy policy;
  policy.insecure_development_secret = SecretBytes::copy_of(as_bytes(kDevelopmentSecretForTesting));
  return policy;
}

// The step that failed; empty when none did.
std::string failed_step(const Verification& verification) {
  for (const Step& step : verification.steps) {
    if (step.outcome == Outcome::kFailed) return step.name;
  }
  return {};
}

TEST(VerifyEvidence, HonestListPassesWithEachStepShown) {
  const auto verification = verify_evidence(tpm().make_evidence(), development_policy());
  ASSERT_TRUE(verification.node) << verification.node.error().message;
  EXPECT_EQ(verification.node->rek_point(), tpm().rek().public_key());
  EXPECT_TRUE(verification.node->insecure_development());
  EXPECT_EQ(verification.node->pcr_values().size(), 9U);
  EXPECT_EQ(verification.node->pcr_values().at(12)[31], 13);

  std::vector<std::pair<std::string, Outcome>> seen;
  seen.reserve(verification.steps.size());
  for (const Step& step : verification.steps) seen.emplace_back(step.name, step.outcome);
  const std::vector<std::pair<std::string, Outcome>> expected = {
      {"pieces", Outcome::kPassed},
      {"root", Outcome::kDevelopmentProvesNothing},
      {"attestation_key", Outcome::kPassed},
      {"key_creation", Outcome::kPassed},
      {"quote", Outcome::kPassed},
      {"pcr_values", Outcome::kPassed},
      {"encryption_key", Outcome::kPassed},
      {"key_policy", Outcome::kPassed},
      {"unpinned_pcrs", Outcome::kQuotedNotCompared},
  };
  EXPECT_EQ(seen, expected);
}

TEST(VerifyEvidence, StepsAfterAFailureAreNotReached) {
  const auto verification =
      verify_evidence(tpm().make_evidence({.quote_bytes = [](Bytes& b) { b[0] ^= 1; }}), development_policy());
  ASSERT_FALSE(verification.node);
  ASSERT_EQ(verification.steps.size(), 9U);
  EXPECT_EQ(verification.steps[3].outcome, Outcome::kPassed);
  EXPECT_EQ(verification.steps[4].outcome, Outcome::kFailed);
  EXPECT_EQ(verification.steps[4].detail, verification.node.error().message);
  for (size_t i = 5; i < 9; ++i) EXPECT_EQ(verification.steps[i].outcome, Outcome::kNotReached);
}

TEST(VerifyEvidence, PinnedPcrsAreComparedAndTheRestSaysSo) {
  Policy policy = development_policy();
  policy.expected_pcrs[12].fill(13);
  auto verification = verify_evidence(tpm().make_evidence(), policy);
  ASSERT_TRUE(verification.node);
  EXPECT_EQ(verification.steps[8].name, "pinned_pcrs");
  EXPECT_EQ(verification.steps[8].outcome, Outcome::kPassed);
  EXPECT_EQ(verification.steps[9].outcome, Outcome::kQuotedNotCompared);
  EXPECT_EQ(verification.steps[9].detail, "quoted, not compared: 0, 1, 2, 3, 4, 5, 7, 8");

  policy.expected_pcrs[12][31] ^= 1;
  verification = verify_evidence(tpm().make_evidence(), policy);
  ASSERT_FALSE(verification.node);
  EXPECT_EQ(verification.node.error().code, kPinnedPcr);

  Policy all = development_policy();
  all.expected_pcrs = SoftwareTpmForTesting::honest_pcrs();
  verification = verify_evidence(tpm().make_evidence(), all);
  ASSERT_TRUE(verification.node);
  EXPECT_EQ(verification.steps.size(), 9U);
  EXPECT_EQ(verification.steps[8].outcome, Outcome::kPassed);

  all.expected_pcrs[6] = {};
  EXPECT_EQ(verify_evidence(tpm().make_evidence(), all).node.error().code, kPinnedPcr);
}

TEST(VerifyEvidence, AChangedModelDigestIsRefusedWherePcr12IsPinned) {
  const auto changed = tpm().make_evidence({.pcrs = [](tpmwire::PcrValues& v) { v[12][0] ^= 1; }});
  EXPECT_TRUE(verify_evidence(changed, development_policy()).node);
  Policy policy = development_policy();
  policy.expected_pcrs[12].fill(13);
  EXPECT_EQ(verify_evidence(changed, policy).node.error().code, kPinnedPcr);
}

TEST(VerifyEvidence, DevelopmentListIsRefusedUnlessAskedForByItsSecret) {
  auto verification = verify_evidence(tpm().make_evidence(), Policy{});
  ASSERT_FALSE(verification.node);
  EXPECT_EQ(verification.node.error().code, kDevelopmentRefused);
  EXPECT_EQ(failed_step(verification), "root");
  EXPECT_EQ(verify_evidence(tpm().make_evidence({.secret = "123457"}), development_policy()).node.error().code,
            kBadMac);
}

TEST(VerifyEvidence, HardwareEvidenceIsNotSupportedYetAndSaysSo) {
  using evidence::Type;
  const std::pair<Type, const char*> kRoots[] = {
      {Type::kSevSnpReport, "not supported yet: SEV-SNP evidence"},
      {Type::kTdxReport, "not supported yet: TDX evidence"},
      {Type::kSevSnpExtendedReport, "not supported yet: SEV-SNP (extended report) evidence"}};
  for (const auto& [type, message] : kRoots) {
    Pieces pieces = tpm().make_evidence().pieces();
    pieces.insert(pieces.begin(), {type, Bytes(1184), Bytes(1184)});
    const auto verification = verify_evidence(*evidence::List::from(pieces), development_policy());
    ASSERT_FALSE(verification.node);
    EXPECT_EQ(verification.node.error().code, kTeeNotSupported);
    EXPECT_EQ(verification.node.error().message, message);
  }
}

TEST(VerifyEvidence, RefusesListsThatAreNoDevelopmentList) {
  EXPECT_EQ(verify_evidence({}, development_policy()).node.error().code, kEmptyList);
  const Pieces honest = tpm().make_evidence().pieces();
  const auto code_of = [](const Pieces& pieces) {
    const auto verification = verify_evidence(*evidence::List::from(pieces), development_policy());
    return verification.node ? ErrorCode{"accepted"} : verification.node.error().code;
  };
  for (size_t i = 0; i < honest.size(); ++i) {
    SCOPED_TRACE(i);
    Pieces missing = honest;
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(code_of(missing), kBadPieces);
    Pieces doubled = honest;
    doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(i), honest[i]);
    EXPECT_EQ(code_of(doubled), kBadPieces);
    Pieces overwritten = honest;  // one piece twice and another one gone: five again
    overwritten[(i + 1) % 5] = honest[i];
    EXPECT_NE(code_of(overwritten), ErrorCode{"accepted"});
    Pieces retyped = honest;
    retyped[i].type = evidence::Type{99};
    EXPECT_EQ(code_of(retyped), kBadPieces);
    for (size_t j = i + 1; j < honest.size(); ++j) {
      SCOPED_TRACE(j);
      Pieces swapped = honest;
      std::swap(swapped[i], swapped[j]);
      // Both ends have type 0: these two are told apart by the MAC.
      EXPECT_EQ(code_of(swapped), i == 0 && j == 4 ? kBadMac : kBadPieces);
    }
  }
  Pieces typeless = honest;
  for (auto& piece : typeless) piece.type = evidence::Type::kTpmQuote;
  EXPECT_EQ(code_of(typeless), kNoRoot);
}

TEST(VerifyEvidence, TheListInTheFuzzCorpusIsAnHonestOne) {
  std::ifstream in("corpus/development_list", std::ios::binary);
  const Bytes bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto list = evidence::decode(bytes);
  ASSERT_TRUE(list);
  const auto verification = verify_evidence(*list, development_policy());
  ASSERT_TRUE(verification.node) << verification.node.error().message;
  const size_t sizes[5][2] = {{280, 34}, {141, 262}, {460, 262}, {120, 34}, {128, 32}};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(list->pieces()[i].data.size(), sizes[i][0]) << i;  // as seen from the official node
    EXPECT_EQ(list->pieces()[i].signature.size(), sizes[i][1]) << i;
  }
}

// Makes that file anew: run with --gtest_also_run_disabled_tests.
TEST(VerifyEvidence, DISABLED_WritesTheFuzzCorpus) {
  const Bytes bytes = evidence::encode(tpm().make_evidence());
  for (const char* path : {"corpus/development_list", "../evidence/corpus/development_list"}) {
    std::ofstream(path, std::ios::binary) << as_text(bytes);
  }
}

TEST(VerifyEvidence, RefusesEveryFlippedByteOfEveryPiece) {
  const Pieces honest = tpm().make_evidence().pieces();
  for (size_t piece = 0; piece < honest.size(); ++piece) {
    for (const bool signature : {false, true}) {
      const size_t size = signature ? honest[piece].signature.size() : honest[piece].data.size();
      for (size_t i = 0; i < size; ++i) {
        Pieces altered = honest;
        (signature ? altered[piece].signature : altered[piece].data)[i] ^= static_cast<uint8_t>(1U << (i % 8));
        const auto verification = verify_evidence(*evidence::List::from(altered), development_policy());
        ASSERT_FALSE(verification.node) << "piece " << piece << (signature ? " signature " : " data ") << i;
      }
    }
  }
}

TEST(VerifyEvidence, RefusesEveryPieceCutAnywhereOrExtended) {
  const Pieces honest = tpm().make_evidence().pieces();
  for (size_t piece = 0; piece < honest.size(); ++piece) {
    for (const bool signature : {false, true}) {
      const size_t size = signature ? honest[piece].signature.size() : honest[piece].data.size();
      for (size_t n = 0; n <= size + 1; ++n) {
        if (n == size) continue;
        Pieces altered = honest;
        (signature ? altered[piece].signature : altered[piece].data).resize(n);
        const auto verification = verify_evidence(*evidence::List::from(altered), development_policy());
        ASSERT_FALSE(verification.node) << "piece " << piece << (signature ? " signature " : " data ") << n;
      }
    }
  }
}

}  // namespace
}  // namespace openpcc::verify
