#include "sealed/response.h"

#include <gtest/gtest.h>

#include "crypto/digest.h"
#include "sealed/test_support.h"

namespace openpcc::sealed {
namespace {

struct Ends {
  RequestOpener node;
  Candidate client;
};

Ends ends(uint8_t rek_fill = 0x11) {
  const crypto::KeyPair rek = p256_pair_for_testing(rek_fill);
  const RequestSealer sealer = fixed_request_sealer_for_testing(Mode::kWhole);
  Candidate candidate = fixed_candidate_for_testing(sealer, rek.public_key());
  RequestOpener node = opener_for_testing(Mode::kWhole, candidate, rek);
  return {std::move(node), std::move(candidate)};
}

ResponseSealer fixed_sealer(const RequestOpener& node, Mode mode) {
  return node.response_sealer(mode, fixed_random_for_testing(counting(0x80, kResponseNonceSize))).value();
}

const Bytes kBhttp = from_hex_or_die("0340c80c636f6e74656e742d74797065106170706c69636174696f6e2f6a736f6e000268690000");

TEST(SealedResponse, IsTheOfficialOneByteForByte) {
  const Ends both = ends();
  ResponseSealer sealer = fixed_sealer(both.node, Mode::kChunked);
  EXPECT_EQ(sealer.media_type(), "application/confsec-chunked-res");
  Bytes sealed;
  ASSERT_TRUE(sealer.write(kBhttp, sealed));
  ASSERT_TRUE(sealer.finish(sealed));
  EXPECT_EQ(to_hex(sealed),
            "808182838485868788898a8b8c8d8e8f37"
            "b4c40170cf48fcf134650e6d787ae8f91ebe842cb0e97ab67f37d55a79804387c0e76609e2675c8f"
            "af01a0bc9bf5f5282d7f444ecdffda"
            "007e967339179cb2ff38c0276452ab6727");
  auto opener = both.client.response_opener(sealer.media_type());
  ASSERT_TRUE(opener);
  EXPECT_EQ(open_in_steps(*opener, sealed, 7).plaintext, kBhttp);
}

TEST(SealedResponse, PaddedIsTheOfficialOneToo) {
  const Ends both = ends();
  Bytes padded = kBhttp;
  padded.resize(limits::kChunkPlaintext, 0);
  ResponseSealer sealer = fixed_sealer(both.node, Mode::kChunked);
  Bytes sealed;
  ASSERT_TRUE(sealer.write(padded, sealed));
  ASSERT_TRUE(sealer.finish(sealed));
  EXPECT_EQ(sealed.size(), 565U);
  EXPECT_EQ(to_hex(ByteView(sealed).subspan(16, 2)), "4212");
  EXPECT_EQ(to_hex(*crypto::sha256(sealed)), "db151f4576cb73be094ffb74c0fe7c00018001410a8675fa953351be12551dba");
}

TEST(SealedResponse, BothModesOpenFedWholeAndByteByByte) {
  const Ends both = ends();
  for (const Mode mode : {Mode::kWhole, Mode::kChunked}) {
    auto sealer = both.node.response_sealer(mode);
    ASSERT_TRUE(sealer);
    const Bytes plaintext = counting(3, 3000);
    Bytes sealed;
    ASSERT_TRUE(sealer->write(plaintext, sealed));
    ASSERT_TRUE(sealer->finish(sealed));
    for (const size_t step : {size_t{1}, size_t{17}, sealed.size()}) {
      auto opener = both.client.response_opener(response_media_type(mode));
      ASSERT_TRUE(opener);
      const Opened opened = open_in_steps(*opener, sealed, step);
      EXPECT_FALSE(opened.error);
      EXPECT_EQ(opened.plaintext, plaintext);
    }
  }
}

TEST(SealedResponse, OpensOnlyForTheNodeModeAndRequestItBelongsTo) {
  const Ends both = ends();
  const Ends other = ends(0x12);
  ResponseSealer sealer = fixed_sealer(both.node, Mode::kChunked);
  Bytes sealed;
  ASSERT_TRUE(sealer.write(kBhttp, sealed));
  ASSERT_TRUE(sealer.finish(sealed));
  auto other_node = other.client.response_opener(kChunkedResponseMediaType);
  EXPECT_EQ(open_in_steps(*other_node, sealed, 1000).error, kAltered);
  auto other_mode = both.client.response_opener(kResponseMediaType);
  EXPECT_EQ(open_in_steps(*other_mode, sealed, 1000).error, kAltered);
  EXPECT_EQ(both.client.response_opener("application/confsec-req").error().code, kUnknownMediaType);
  EXPECT_EQ(both.client.response_opener("text/plain").error().code, kUnknownMediaType);
}

TEST(SealedResponse, ShorterThanItsNonceIsTruncated) {
  const Ends both = ends();
  for (const Mode mode : {Mode::kWhole, Mode::kChunked}) {
    for (size_t size = 0; size <= kResponseNonceSize; ++size) {
      auto opener = both.client.response_opener(response_media_type(mode));
      EXPECT_EQ(open_in_steps(*opener, Bytes(size, 1), 5).error, kTruncated);
      WipedBytes out;
      EXPECT_EQ(opener->feed(Bytes(1), out).error().code, kTruncated);  // dead
      EXPECT_EQ(opener->finish(out).error().code, kTruncated);
    }
  }
}

TEST(SealedResponse, AWholeResponseHasACap) {
  const Ends both = ends();
  auto opener = both.client.response_opener(kResponseMediaType, 1000);
  EXPECT_EQ(open_in_steps(*opener, Bytes(kResponseNonceSize + 1001), 100).error, kTooLarge);
  auto greedy = both.client.response_opener(kResponseMediaType, SIZE_MAX);
  WipedBytes out;
  const Bytes block(size_t{1} << 20, 0);
  Status status;
  for (size_t i = 0; i <= kHardMaxSealed >> 20 && status; ++i) status = greedy->feed(block, out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, kTooLarge);
}

TEST(SealedResponse, TheOpenerOutlivesTheCandidate) {
  std::optional<Ends> both(ends());
  ResponseSealer sealer = fixed_sealer(both->node, Mode::kChunked);
  auto opener = both->client.response_opener(kChunkedResponseMediaType);
  both.reset();
  Bytes sealed;
  ASSERT_TRUE(sealer.write(kBhttp, sealed));
  ASSERT_TRUE(sealer.finish(sealed));
  EXPECT_EQ(open_in_steps(*opener, sealed, 10).plaintext, kBhttp);
}

}  // namespace
}  // namespace openpcc::sealed
