#include "sealed/request.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/digest.h"
#include "sealed/test_support.h"

namespace openpcc::sealed {
namespace {

// Known values made with the official Go packages: a request for POST http://confsec.invalid/v1/completions.
Bytes bhttp_request() {
  Bytes message = from_hex_or_die(
      "0004504f535404687474700f636f6e667365632e696e76616c69640f2f76312f636f6d706c6574696f6e73"
      "300e636f6e74656e742d6c656e6774680233370c636f6e74656e742d74797065106170706c69636174696f6e2f6a736f6e"
      "257b226d6f64656c223a226c6c616d61332e323a3162222c2270726f6d7074223a226869227d00");
  message.resize(514, 0);
  return message;
}

constexpr std::string_view kEncapsulatedKey =
    "00001000010001"
    "04d65a93977caa3d1b081852ff57a79e465f1660577304baead505dd3a48589cf3"
    "50185e895372df6221ea3a137557e473fddb6755f05bd507c3c533fce9c91285"
    "72be92ba61f710e002c9ca75221a5393d6a52fe2e49592bf5c535aa21fc0d96af8f241ec4404d769b7bcbf967b8f706a";

Bytes seal_all(RequestSealer& sealer, ByteView plaintext) {
  Bytes out;
  EXPECT_TRUE(sealer.write(plaintext, out));
  EXPECT_TRUE(sealer.finish(out));
  return out;
}

TEST(SealedRequest, IsTheOfficialOneByteForByte) {
  const crypto::KeyPair rek = p256_pair_for_testing(0x11);
  EXPECT_EQ(to_hex(rek.public_key()),
            "040217e617f0b6443928278f96999e69a23a4f2c152bdf6d6cdf66e5b80282d4ed"
            "194a7debcb97712d2dda3ca85aa8765a56f45fc758599652f2897c65306e5794");
  RequestSealer sealer = fixed_request_sealer_for_testing(Mode::kWhole);
  EXPECT_EQ(sealer.media_type(), "application/confsec-req");
  const Candidate candidate = fixed_candidate_for_testing(sealer, rek.public_key());
  EXPECT_EQ(to_hex(candidate.encapsulated_key()), kEncapsulatedKey);
  const Bytes body = seal_all(sealer, bhttp_request());
  ASSERT_EQ(body.size(), 542U);
  EXPECT_EQ(to_hex(ByteView(body).first(32)), "404142434445464748494a4be2bdfe6c7568836bb9b06739f80b7d3d0aa33172");
  EXPECT_EQ(to_hex(ByteView(body).last(16)), "fa5a82490af09d03a55efadd800366f5");
  EXPECT_EQ(to_hex(*crypto::sha256(body)), "fe5bcf22d8db34d0eb97a645d5d11328bed3836d42ebbb50d600543714ba7ef0");

  RequestOpener opener = opener_for_testing(Mode::kWhole, candidate, rek);
  const Opened opened = open_in_steps(opener, body, body.size());
  EXPECT_FALSE(opened.error);
  EXPECT_EQ(opened.plaintext, bhttp_request());
}

TEST(SealedRequest, EachOfThreeCandidatesOpensItWithItsOwnKeyOnly) {
  const crypto::KeyPair reks[] = {p256_pair_for_testing(0x11), p256_pair_for_testing(0x12),
                                  p256_pair_for_testing(0x13)};
  for (const Mode mode : {Mode::kWhole, Mode::kChunked}) {
    auto sealer = RequestSealer::create(mode);
    ASSERT_TRUE(sealer);
    std::vector<Candidate> candidates;
    for (const auto& rek : reks) candidates.push_back(*sealer->encapsulate(rek.public_key()));
    const Bytes body = seal_all(*sealer, bhttp_request());
    for (size_t who = 0; who < 3; ++who) {
      for (size_t which = 0; which < 3; ++which) {
        auto opener = RequestOpener::create(sealer->media_type(), candidates[which].encapsulated_key(),
                                            reks[who].public_key(), reks[who].diffie_hellman());
        ASSERT_EQ(opener.has_value(), who == which);
        if (!opener) {
          EXPECT_EQ(opener.error().code, kNotForThisNode);
          continue;
        }
        EXPECT_EQ(open_in_steps(*opener, body, 100).plaintext, bhttp_request());
      }
    }
  }
}

TEST(SealedRequest, FreshRequestsShareNothing) {
  const crypto::KeyPair rek = p256_pair_for_testing(0x11);
  auto first = RequestSealer::create(Mode::kWhole);
  auto second = RequestSealer::create(Mode::kWhole);
  ASSERT_TRUE(first && second);
  EXPECT_NE(seal_all(*first, bhttp_request()), seal_all(*second, bhttp_request()));
  EXPECT_NE(first->encapsulate(rek.public_key())->encapsulated_key(),
            first->encapsulate(rek.public_key())->encapsulated_key());
  EXPECT_FALSE(RequestSealer::create(Mode::kWhole, fixed_random_for_testing(Bytes(40))));
}

TEST(SealedRequest, TheMediaTypeIsBoundAndExact) {
  const crypto::KeyPair rek = p256_pair_for_testing(0x11);
  const RequestSealer sealer = fixed_request_sealer_for_testing(Mode::kWhole);
  const Candidate candidate = fixed_candidate_for_testing(sealer, rek.public_key());
  const auto code = [&](std::string_view media_type) {
    return RequestOpener::create(media_type, candidate.encapsulated_key(), rek.public_key(), rek.diffie_hellman())
        .error()
        .code;
  };
  EXPECT_EQ(code("application/confsec-chunked-req"), kNotForThisNode);
  for (const std::string_view bad :
       {"", "application/confsec-res", "application/confsec-req; charset=utf-8", "Application/confsec-req",
        " application/confsec-req", "application/octet-stream", "message/ohttp-req"}) {
    EXPECT_EQ(code(bad), kUnknownMediaType) << bad;
  }
}

TEST(EncapsulatedKey, IsRefusedCutLongerOrWithAnyByteAltered) {
  const crypto::KeyPair rek = p256_pair_for_testing(0x11);
  const Bytes good = from_hex_or_die(kEncapsulatedKey);
  const auto open = [&](ByteView key) {
    return RequestOpener::create(kRequestMediaType, key, rek.public_key(), rek.diffie_hellman());
  };
  ASSERT_TRUE(open(good));
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_EQ(open(ByteView(good).first(n)).error().code, kBadEncapsulatedKey);
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(open(longer).error().code, kBadEncapsulatedKey);
  EXPECT_EQ(open(concat({good, good})).error().code, kBadEncapsulatedKey);
  for (size_t at = 0; at < good.size(); ++at) {
    Bytes altered = good;
    altered[at] ^= 0x01;
    const auto opened = open(altered);
    ASSERT_FALSE(opened);
    // The header and the point are looked at before any secret is touched; a changed X may meet the curve again.
    const bool early = at < kHeaderSize + kEncSize;
    EXPECT_TRUE(opened.error().code == kNotForThisNode || (early && opened.error().code == kBadEncapsulatedKey)) << at;
    if (at < kHeaderSize + 1) {
      EXPECT_EQ(opened.error().code, kBadEncapsulatedKey);
    }
  }
}

TEST(EncapsulatedKey, ErrorsOfThePrivateHalfArePassedOn) {
  constexpr ErrorCode kTpmGone{"test.tpm_gone"};
  const crypto::KeyPair rek = p256_pair_for_testing(0x11);
  const crypto::DiffieHellman gone = [&](ByteView) -> Result<SecretBytes> { return fail(kTpmGone, "no TPM"); };
  EXPECT_EQ(
      RequestOpener::create(kRequestMediaType, from_hex_or_die(kEncapsulatedKey), rek.public_key(), gone).error().code,
      kTpmGone);
}

TEST(SealedRequest, TheCapHoldsInBothModes) {
  const crypto::KeyPair rek = p256_pair_for_testing(0x11);
  for (const Mode mode : {Mode::kWhole, Mode::kChunked}) {
    RequestSealer sealer = fixed_request_sealer_for_testing(mode);
    const Candidate candidate = fixed_candidate_for_testing(sealer, rek.public_key());
    const Bytes body = seal_all(sealer, Bytes(10000, 1));
    const size_t without_nonce = body.size() - kNonceSize;
    for (const size_t step : {size_t{1}, size_t{1000}, body.size()}) {
      auto fits = RequestOpener::create(request_media_type(mode), candidate.encapsulated_key(), rek.public_key(),
                                        rek.diffie_hellman(), without_nonce);
      EXPECT_FALSE(open_in_steps(*fits, body, step).error);
      auto small = RequestOpener::create(request_media_type(mode), candidate.encapsulated_key(), rek.public_key(),
                                         rek.diffie_hellman(), without_nonce - 1);
      EXPECT_EQ(open_in_steps(*small, body, step).error, kTooLarge);
    }
  }
}

}  // namespace
}  // namespace openpcc::sealed
