#include "crypto/key_pair.h"

#include <gtest/gtest.h>

#include "crypto/hkdf.h"
#include "crypto/vector_file.h"

namespace openpcc::crypto {
namespace {

constexpr Kem kKems[] = {Kem::kP256HkdfSha256, Kem::kX25519HkdfSha256};
constexpr std::string_view kP256Order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

TEST(KeyPair, DiffieHellmanAgreesWithWycheproof) {
  for_each_vector("vectors/dh_wycheproof.txt", [](const VectorBlock& block) {
    SCOPED_TRACE(block.where());
    EXPECT_EQ(block.word("type"), "dh");
    (void)block.word("id");
    const std::string name = block.word("kem");
    ASSERT_TRUE(name == "p256" || name == "x25519");
    const auto pair = KeyPair::from_private(name == "p256" ? kKems[0] : kKems[1], block.hex("private"));
    ASSERT_TRUE(pair);
    const auto shared = pair->dh(block.hex("public"));
    const Bytes want = block.hex("shared");
    if (block.valid()) {
      ASSERT_TRUE(shared);
      EXPECT_EQ(to_bytes(shared->view()), want);
    } else {
      ASSERT_FALSE(shared);
      EXPECT_EQ(shared.error().code, kBadPublicKey);
    }
  });
}

TEST(KeyPair, FreshPairsDifferAndAgreeOnTheSecret) {
  for (const Kem kem : kKems) {
    const auto a = KeyPair::generate(kem);
    const auto b = KeyPair::generate(kem);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(a->kem(), kem);
    EXPECT_NE(a->public_key(), b->public_key());
    EXPECT_TRUE(check_public_key(kem, a->public_key()));
    const DiffieHellman dh = [&] { return KeyPair(*a).diffie_hellman(); }();  // outlives its key pair
    EXPECT_EQ(*dh(b->public_key()), *b->dh(a->public_key()));
  }
}

TEST(KeyPair, RefusesWhatIsNoPrivateKey) {
  const Bytes order = *from_hex(kP256Order);
  Bytes below = order;
  below.back() -= 1;
  EXPECT_EQ(KeyPair::from_private(kKems[0], Bytes(32, 0)).error().code, kBadPrivateKey);
  EXPECT_EQ(KeyPair::from_private(kKems[0], order).error().code, kBadPrivateKey);
  EXPECT_EQ(KeyPair::from_private(kKems[0], Bytes(32, 0xff)).error().code, kBadPrivateKey);
  EXPECT_TRUE(KeyPair::from_private(kKems[0], below));
  for (const Kem kem : kKems) {
    for (const size_t size : {0U, 31U, 33U}) {
      EXPECT_EQ(KeyPair::from_private(kem, Bytes(size, 1)).error().code, kBadPrivateKey);
    }
    EXPECT_EQ(KeyPair::derive(kem, Bytes(31, 1)).error().code, kBadLength);
  }
}

TEST(KeyPair, TakesTheNextCandidateWhenOneIsNoScalar) {
  Bytes random(32, 0xff);
  random.resize(64, 0x22);
  const auto pair = KeyPair::generate(kKems[0], fixed_random_for_testing(random));
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->public_key(), KeyPair::from_private(kKems[0], Bytes(32, 0x22))->public_key());
  const RandomSource broken = [](MutableByteView out) -> Status {
    std::fill(out.begin(), out.end(), 0);
    return {};
  };
  EXPECT_EQ(KeyPair::generate(kKems[0], broken).error().code, kRandomFailed);
}

}  // namespace
}  // namespace openpcc::crypto
