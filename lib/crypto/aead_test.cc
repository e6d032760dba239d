#include "crypto/aead.h"

#include <gtest/gtest.h>

#include "crypto/vector_file.h"

namespace openpcc::crypto {
namespace {

constexpr Aead kAll[] = {Aead::kAes128Gcm, Aead::kAes256Gcm, Aead::kChaCha20Poly1305};

Aead by_name(const std::string& name) {
  if (name == "aes128gcm") return Aead::kAes128Gcm;
  if (name == "aes256gcm") return Aead::kAes256Gcm;
  EXPECT_EQ(name, "chacha20poly1305");
  return Aead::kChaCha20Poly1305;
}

void run(const VectorBlock& block) {
  SCOPED_TRACE(block.where());
  EXPECT_EQ(block.word("type"), "aead");
  (void)block.word("id");
  const Aead aead = by_name(block.word("aead"));
  const Bytes key = block.hex("key");
  const Bytes nonce = block.hex("nonce");
  const Bytes aad = block.hex("aad");
  const Bytes pt = block.hex("pt");
  const Bytes ct = block.hex("ct");
  const auto opened = aead_open(aead, key, nonce, aad, ct);
  if (!block.valid()) {
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, nonce.size() == kAeadNonceSize ? kOpenFailed : kBadLength);
    return;
  }
  ASSERT_TRUE(opened);
  EXPECT_EQ(to_bytes(*opened), pt);
  EXPECT_EQ(*aead_seal(aead, key, nonce, aad, pt), ct);
}

TEST(Aead, AgreesWithWycheproof) {
  for_each_vector("vectors/aead_wycheproof.txt", run);
}

TEST(Aead, AgreesWithNist) {
  for_each_vector("vectors/aead_nist.txt", run);
}

TEST(Aead, OneKeyedContextServesManyMessages) {
  for (const Aead aead : kAll) {
    const Bytes key(aead_key_size(aead), 7);
    auto sealer = AeadSealer::create(aead, key);
    auto opener = AeadOpener::create(aead, key);
    ASSERT_TRUE(sealer && opener);
    for (size_t i = 0; i < 300; ++i) {
      Bytes nonce(kAeadNonceSize, 0);
      nonce[10] = static_cast<uint8_t>(i >> 8);
      nonce[11] = static_cast<uint8_t>(i & 0xff);
      const Bytes aad(i % 3, 9);
      const Bytes pt(i, static_cast<uint8_t>(i & 0xff));
      Bytes sealed = {0xaa};  // what stood in the buffer stays
      ASSERT_TRUE(sealer->seal(nonce, aad, pt, sealed));
      EXPECT_EQ(sealed[0], 0xaa);
      EXPECT_EQ(ByteView(sealed).size(), 1 + i + kAeadTagSize);
      EXPECT_EQ(to_bytes(ByteView(sealed).subspan(1)), *aead_seal(aead, key, nonce, aad, pt));

      // A message that fails in between leaves the opener usable and the buffer as it was.
      WipedBytes out = {0xbb};
      Bytes altered = sealed;
      altered.back() ^= 1;
      EXPECT_EQ(opener->open(nonce, aad, ByteView(altered).subspan(1), out).error().code, kOpenFailed);
      EXPECT_EQ(out.size(), 1U);
      ASSERT_TRUE(opener->open(nonce, aad, ByteView(sealed).subspan(1), out));
      EXPECT_EQ(out[0], 0xbb);
      EXPECT_EQ(to_bytes(ByteView(out).subspan(1)), pt);
    }
  }
}

TEST(Aead, SealsTheSameInPieces) {
  for (const Aead aead : kAll) {
    const Bytes key(aead_key_size(aead), 7);
    const Bytes nonce(kAeadNonceSize, 1);
    const Bytes pt(1000, 3);
    auto sealer = AeadSealer::create(aead, key);
    ASSERT_TRUE(sealer);
    for (const size_t step : {1U, 15U, 16U, 17U, 999U, 1000U}) {
      Bytes out;
      ASSERT_TRUE(sealer->begin(nonce, as_bytes("aad")));
      for (size_t at = 0; at < pt.size(); at += step) {
        ASSERT_TRUE(sealer->update(ByteView(pt).subspan(at, std::min(step, pt.size() - at)), out));
      }
      ASSERT_TRUE(sealer->finish(out));
      EXPECT_EQ(out, *aead_seal(aead, key, nonce, as_bytes("aad"), pt));
      EXPECT_FALSE(sealer->update(pt, out));
      EXPECT_FALSE(sealer->finish(out));
    }
  }
}

TEST(Aead, RefusesEveryWrongSizeAndEveryAlteredBit) {
  for (const Aead aead : kAll) {
    const Bytes key(aead_key_size(aead), 7);
    const Bytes nonce(kAeadNonceSize, 1);
    EXPECT_EQ(AeadSealer::create(aead, Bytes(key.size() - 1)).error().code, kBadLength);
    EXPECT_EQ(AeadOpener::create(aead, Bytes(key.size() + 1)).error().code, kBadLength);
    EXPECT_EQ(aead_seal(aead, key, Bytes(11), {}, {}).error().code, kBadLength);
    EXPECT_EQ(aead_seal(aead, key, Bytes(16), {}, {}).error().code, kBadLength);
    const Bytes sealed = *aead_seal(aead, key, nonce, as_bytes("aad"), as_bytes("a short message"));
    ASSERT_TRUE(aead_open(aead, key, nonce, as_bytes("aad"), sealed));
    for (size_t n = 0; n < sealed.size(); ++n) {
      EXPECT_EQ(aead_open(aead, key, nonce, as_bytes("aad"), ByteView(sealed).first(n)).error().code, kOpenFailed);
    }
    for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
      Bytes altered = sealed;
      altered[bit / 8] = static_cast<uint8_t>(altered[bit / 8] ^ (1U << (bit % 8)));
      EXPECT_EQ(aead_open(aead, key, nonce, as_bytes("aad"), altered).error().code, kOpenFailed);
    }
    EXPECT_EQ(aead_open(aead, key, nonce, as_bytes("aae"), sealed).error().code, kOpenFailed);
    EXPECT_EQ(aead_open(aead, key, Bytes(kAeadNonceSize, 2), as_bytes("aad"), sealed).error().code, kOpenFailed);
  }
}

}  // namespace
}  // namespace openpcc::crypto
