// Framing and encapsulated keys, against the sealers and openers of lib/sealed.
#include <gtest/gtest.h>

#include "inspect/test_support.h"
#include "sealed/test_support.h"

namespace openpcc::inspect {
namespace {

using sealed::Mode;

struct Fixture {
  explicit Fixture(Mode which)
      : mode(which),
        rek(sealed::p256_pair_for_testing(0x11)),
        sealer(sealed::fixed_request_sealer_for_testing(mode)),
        candidate(sealed::fixed_candidate_for_testing(sealer, rek.public_key())) {}

  Bytes seal(const std::vector<size_t>& sizes) {
    Bytes out;
    for (const size_t size : sizes) EXPECT_TRUE(sealer.write(Bytes(size, 0x5a), out));
    EXPECT_TRUE(sealer.finish(out));
    return out;
  }
  std::optional<ErrorCode> open(ByteView bytes) const {
    auto opener = sealed::opener_for_testing(mode, candidate, rek);
    return sealed::open_in_steps(opener, bytes, std::max<size_t>(bytes.size(), 1)).error;
  }

  Mode mode;
  crypto::KeyPair rek;
  sealed::RequestSealer sealer;
  sealed::Candidate candidate;
};

TEST(SealedFraming, OfAChunkedRequest) {
  Fixture fixture(Mode::kChunked);
  const Bytes bytes = fixture.seal({1, 514, 600});
  const Report report = inspect(Kind::kChunkedSealedRequest, bytes);
  ASSERT_TRUE(report.problems.empty());
  EXPECT_EQ(fault_of(report, bytes.size()), "");
  std::vector<uint64_t> sizes;
  for (const Part& chunk : report.root.find("chunks")->parts) sizes.push_back(std::get<uint64_t>(chunk.value));
  EXPECT_EQ(sizes, (std::vector<uint64_t>{17, 530, 530, 102}));
  EXPECT_EQ(std::get<uint64_t>(report.root.find("final_chunk")->value), 16U);
  EXPECT_EQ(std::get<uint64_t>(report.root.find("plaintext_size")->value), 1115U);
  EXPECT_EQ(report.root.find("chunks")->parts[0].at, 13U);
}

// Cut anywhere, the opener calls it truncated and the inspection says so too. Of an altered byte only the opener knows,
// unless it makes a length that none can have.
TEST(SealedFraming, AgreesWithTheOpenerOnEveryCutAndNeverRefusesWhatOpens) {
  for (const Mode mode : {Mode::kWhole, Mode::kChunked}) {
    Fixture fixture(mode);
    const Kind kind = mode == Mode::kWhole ? Kind::kSealedRequest : Kind::kChunkedSealedRequest;
    const Bytes bytes = fixture.seal({1, 40, 514});
    ASSERT_EQ(fixture.open(bytes), std::nullopt);
    ASSERT_TRUE(inspect(kind, bytes).problems.empty());
    for (size_t size = 0; size < bytes.size(); ++size) {
      const ByteView cut = ByteView(bytes).first(size);
      const Report report = inspect(kind, cut);
      ASSERT_EQ(report.problems.empty(), fixture.open(cut) != sealed::kTruncated) << size;
      ASSERT_EQ(fault_of(report, size), "");
    }
    Bytes changed = bytes;
    for (size_t i = 0; i < bytes.size(); ++i) {
      for (const uint8_t mask : {uint8_t{1}, uint8_t{0x40}, uint8_t{0xff}}) {
        changed[i] = static_cast<uint8_t>(bytes[i] ^ mask);
        ASSERT_EQ(fault_of(inspect(kind, changed), bytes.size()), "");
        ASSERT_NE(fixture.open(changed), std::nullopt);
      }
      changed[i] = bytes[i];
    }
  }
}

TEST(SealedFraming, FaultsAreAtTheirChunk) {
  const Bytes nonce(16);
  struct Fault {
    const char* name;
    Bytes bytes;
    size_t at;
    const char* part;
    const char* rule;
  };
  const Fault faults[] = {
      {"inside the nonce", Bytes(7), 7, "response_nonce", "7 of its 16"},
      {"no final chunk", nonce, 16, "chunks[0]", "without the final chunk"},
      {"a chunk of 15 bytes", concat({nonce, Bytes{15}, Bytes(15)}), 16, "chunks[0]", "16 to 530"},
      {"a chunk of 531 bytes", concat({nonce, Bytes{0x42, 0x13}, Bytes(531)}), 16, "chunks[0]", "says 531"},
      {"a chunk that is cut", concat({nonce, Bytes{16}, Bytes(16), Bytes{17}, Bytes(3)}), 33, "chunks[1]",
       "3 of its 17"},
      {"a length that is cut", concat({nonce, Bytes{0x42}}), 16, "chunks[0]", "inside a chunk's length"},
      {"a final chunk without its tag", concat({nonce, Bytes{0}, Bytes(15)}), 32, "final_chunk", "tag"},
      {"bytes behind the final chunk", concat({nonce, Bytes{0}, Bytes(531)}), 17 + 530, "final_chunk", "530"},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    const Report report = inspect(Kind::kChunkedSealedResponse, fault.bytes);
    ASSERT_EQ(report.problems.size(), 1U);
    EXPECT_EQ(report.problems[0].at, fault.at);
    EXPECT_EQ(report.problems[0].part, fault.part);
    EXPECT_NE(report.problems[0].rule.find(fault.rule), std::string::npos) << report.problems[0].rule;
  }
  EXPECT_EQ(inspect(Kind::kSealedResponse, Bytes(31)).problems.at(0).at, 31U);
  EXPECT_TRUE(inspect(Kind::kSealedResponse, Bytes(32)).problems.empty());
}

TEST(EncapsulatedKey, IsShownAndEveryFaultIsAtItsField) {
  const Fixture fixture(Mode::kWhole);
  const Bytes good = fixture.candidate.encapsulated_key();
  const Report report = inspect(Kind::kEncapsulatedKey, good);
  ASSERT_TRUE(report.problems.empty());
  EXPECT_EQ(std::get<uint64_t>(report.root.find("kem_id")->value), 0x10U);
  EXPECT_EQ(std::get<Bytes>(report.root.find("sealed_dek")->value).size(), 48U);
  struct Fault {
    size_t byte;
    size_t at;
    const char* part;
  };
  for (const Fault& fault : {Fault{0, 0, "key_id"}, Fault{2, 1, "kem_id"}, Fault{3, 3, "kdf_id"},
                             Fault{6, 5, "aead_id"}, Fault{7, 7, "enc"}, Fault{40, 7, "enc"}}) {
    Bytes bad = good;
    bad[fault.byte] ^= 0x01;
    const Report refused = inspect(Kind::kEncapsulatedKey, bad);
    ASSERT_EQ(refused.problems.size(), 1U) << fault.part;
    EXPECT_EQ(refused.problems[0].at, fault.at);
    EXPECT_EQ(refused.problems[0].part, fault.part);
    EXPECT_EQ(fault_of(refused, bad.size()), "");
  }
  for (size_t size = 0; size < good.size(); ++size) {
    const Report cut = inspect(Kind::kEncapsulatedKey, ByteView(good).first(size));
    ASSERT_EQ(cut.problems.at(0).at, size);
    ASSERT_EQ(fault_of(cut, size), "");
  }
  EXPECT_EQ(inspect(Kind::kEncapsulatedKey, concat({good, Bytes(1)})).problems.at(0).at, 120U);
}

}  // namespace
}  // namespace openpcc::inspect
