#include "crypto/digest.h"

#include <gtest/gtest.h>

#include "crypto/hkdf.h"
#include "crypto/vector_file.h"

namespace openpcc::crypto {
namespace {

TEST(Sha256, GivesTheValuesOfFips180) {
  EXPECT_EQ(to_hex(*sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(*sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, GivesTheSameInPieces) {
  auto hash = Sha256::create();
  ASSERT_TRUE(hash);
  ASSERT_TRUE(hash->update(as_bytes("a")));
  ASSERT_TRUE(hash->update({}));
  ASSERT_TRUE(hash->update(as_bytes("bc")));
  EXPECT_EQ(*hash->finish(), *sha256(as_bytes("abc")));
  EXPECT_FALSE(hash->update(as_bytes("d")));
  EXPECT_FALSE(hash->finish());
}

TEST(HmacSha256, TakesAnEmptyKeyAndParts) {
  // RFC 2104: a short key is filled up with zeros, so the empty key is the key of 64 zeros.
  const Bytes zeros(64, 0);
  EXPECT_EQ(*hmac_sha256({}, as_bytes("text")), *hmac_sha256(zeros, {as_bytes("te"), {}, as_bytes("xt")}));
}

TEST(Hkdf, GivesThePublishedValues) {
  size_t rfc = 0;
  for_each_vector("vectors/hkdf.txt", [&](const VectorBlock& block) {
    SCOPED_TRACE(block.where());
    const std::string type = block.word("type");
    if (type == "hmac") {
      (void)block.word("id");
      const auto mac = hmac_sha256(block.hex("key"), ByteView(block.hex("msg")));
      ASSERT_TRUE(mac);
      EXPECT_EQ(equal_constant_time(*mac, block.hex("tag")), block.valid());
      return;
    }
    const size_t length = block.number("length");
    const auto prk = hkdf_extract(block.hex("salt"), {block.hex("ikm")});
    ASSERT_TRUE(prk);
    const auto okm = hkdf_expand(prk->view(), {block.hex("info")}, length);
    const Bytes want = block.hex("okm");
    if (type == "rfc5869") {
      ++rfc;
      EXPECT_EQ(to_hex(prk->view()), block.word("prk"));
      ASSERT_TRUE(okm);
      EXPECT_EQ(to_bytes(okm->view()), want);
    } else if (type == "hkdf") {
      (void)block.word("id");
      const bool valid = block.valid();
      ASSERT_EQ(okm.has_value(), valid);
      if (valid) {
        EXPECT_EQ(to_bytes(okm->view()), want);
      }
    } else {
      ADD_FAILURE() << "unknown type " << type;
    }
  });
  EXPECT_EQ(rfc, 3U);
}

TEST(Hkdf, TakesInputsInParts) {
  const auto whole = hkdf_extract(as_bytes("salt"), {as_bytes("key material")});
  const auto parts = hkdf_extract(as_bytes("salt"), {as_bytes("key "), {}, as_bytes("material")});
  ASSERT_TRUE(whole && parts);
  EXPECT_EQ(*whole, *parts);
  EXPECT_EQ(*hkdf_expand(whole->view(), {as_bytes("in"), as_bytes("fo")}, 100),
            *hkdf_expand(whole->view(), {as_bytes("info")}, 100));
}

TEST(Hkdf, RefusesMoreThan255Blocks) {
  const Bytes prk(32, 1);
  EXPECT_EQ(hkdf_expand(prk, {}, kHkdfMaxOutput)->size(), kHkdfMaxOutput);
  EXPECT_EQ(hkdf_expand(prk, {}, kHkdfMaxOutput + 1).error().code, kBadLength);
}

}  // namespace
}  // namespace openpcc::crypto
