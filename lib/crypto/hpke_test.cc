#include "crypto/hpke.h"

#include <gtest/gtest.h>

#include <optional>

#include "crypto/vector_file.h"

namespace openpcc::crypto {
namespace {

constexpr Kem kKems[] = {Kem::kP256HkdfSha256, Kem::kX25519HkdfSha256};
constexpr Aead kAeads[] = {Aead::kAes128Gcm, Aead::kAes256Gcm, Aead::kChaCha20Poly1305};

Kem kem_by_name(const std::string& name) {
  EXPECT_TRUE(name == "p256" || name == "x25519") << name;
  return name == "p256" ? Kem::kP256HkdfSha256 : Kem::kX25519HkdfSha256;
}

Aead aead_by_name(const std::string& name) {
  EXPECT_TRUE(name == "aes128gcm" || name == "aes256gcm" || name == "chacha20poly1305") << name;
  if (name == "aes128gcm") return Aead::kAes128Gcm;
  return name == "aes256gcm" ? Aead::kAes256Gcm : Aead::kChaCha20Poly1305;
}

KeyPair pair_from(Kem kem, uint8_t fill) {
  return *KeyPair::from_private(kem, Bytes(kPrivateKeySize, fill));
}

TEST(Hpke, GivesTheValuesOfRfc9180) {
  std::optional<SenderContext> sender;
  std::optional<RecipientContext> recipient;
  size_t sequence = 0;
  size_t setups = 0;
  for_each_vector("vectors/hpke.txt", [&](const VectorBlock& block) {
    SCOPED_TRACE(block.where());
    const std::string type = block.word("type");
    if (type == "setup") {
      ++setups;
      sequence = 0;
      const Suite suite{kem_by_name(block.word("kem")), Kdf::kHkdfSha256, aead_by_name(block.word("aead"))};
      const auto key = KeyPair::from_private(suite.kem, block.hex("skRm"));
      ASSERT_TRUE(key);
      EXPECT_EQ(key->public_key(), block.hex("pkRm"));
      EXPECT_EQ(KeyPair::derive(suite.kem, block.hex("ikmR"))->public_key(), key->public_key());
      EXPECT_EQ(KeyPair::derive(suite.kem, block.hex("ikmE"))->public_key(), block.hex("enc"));
      const Bytes info = block.hex("info");
      auto sent = setup_sender(suite, key->public_key(), info, fixed_random_for_testing(block.hex("skEm")));
      ASSERT_TRUE(sent);
      EXPECT_EQ(sent->enc(), block.hex("enc"));
      auto received = setup_recipient(suite, sent->enc(), key->public_key(), key->diffie_hellman(), info);
      ASSERT_TRUE(received);
      EXPECT_EQ(received->enc(), sent->enc());
      sender.emplace(std::move(*sent));
      recipient.emplace(std::move(*received));
      return;
    }
    ASSERT_TRUE(sender && recipient);
    if (type == "message") {
      // Up to the wanted number the messages are sealed and opened too: the contexts count by themselves.
      for (; sequence < block.number("seq"); ++sequence) {
        const auto filler = sender->seal({}, {});
        ASSERT_TRUE(filler && recipient->open({}, *filler));
      }
      const Bytes aad = block.hex("aad");
      const Bytes pt = block.hex("pt");
      const auto sealed = sender->seal(aad, pt);
      ASSERT_TRUE(sealed);
      EXPECT_EQ(*sealed, block.hex("ct"));
      const auto opened = recipient->open(aad, *sealed);
      ASSERT_TRUE(opened);
      EXPECT_EQ(to_bytes(*opened), pt);
      ++sequence;
    } else if (type == "export") {
      const Bytes context = block.hex("context");
      const size_t length = block.number("length");
      EXPECT_EQ(to_hex(sender->export_secret(context, length)->view()), block.word("value"));
      EXPECT_EQ(*recipient->export_secret(context, length), *sender->export_secret(context, length));
    } else {
      ADD_FAILURE() << "unknown type " << type;
    }
  });
  EXPECT_EQ(setups, std::size(kKems) * std::size(kAeads));
}

TEST(Hpke, AFailedMessageDoesNotMoveTheRecipientOn) {
  for (const Kem kem : kKems) {
    const KeyPair key = pair_from(kem, 0x11);
    const Suite suite{kem, Kdf::kHkdfSha256, Aead::kAes256Gcm};
    auto sender = setup_sender(suite, key.public_key(), as_bytes("info"));
    ASSERT_TRUE(sender);
    auto recipient = setup_recipient(suite, sender->enc(), key.public_key(), key.diffie_hellman(), as_bytes("info"));
    ASSERT_TRUE(recipient);
    const Bytes first = *sender->seal(as_bytes("aad"), as_bytes("one"));
    const Bytes second = *sender->seal(as_bytes("aad"), as_bytes("two"));
    EXPECT_EQ(recipient->open(as_bytes("aad"), second).error().code, kOpenFailed);
    EXPECT_EQ(recipient->open(as_bytes("other"), first).error().code, kOpenFailed);
    EXPECT_TRUE(recipient->open(as_bytes("aad"), first));
    EXPECT_EQ(recipient->open(as_bytes("aad"), first).error().code, kOpenFailed);  // repeated
    EXPECT_TRUE(recipient->open(as_bytes("aad"), second));
  }
}

TEST(Hpke, AnotherInfoKeyOrEncOpensNothing) {
  for (const Kem kem : kKems) {
    const KeyPair key = pair_from(kem, 0x11);
    const KeyPair other = pair_from(kem, 0x33);
    const Suite suite{kem, Kdf::kHkdfSha256, Aead::kAes128Gcm};
    auto sender = setup_sender(suite, key.public_key(), as_bytes("info"));
    ASSERT_TRUE(sender);
    const Bytes sealed = *sender->seal({}, as_bytes("text"));
    const auto opens = [&](ByteView enc, const KeyPair& pair, ByteView public_key, std::string_view info) {
      auto context = setup_recipient(suite, enc, public_key, pair.diffie_hellman(), as_bytes(info));
      return context && context->open({}, sealed);
    };
    EXPECT_TRUE(opens(sender->enc(), key, key.public_key(), "info"));
    EXPECT_FALSE(opens(sender->enc(), key, key.public_key(), "inf0"));
    EXPECT_FALSE(opens(sender->enc(), other, other.public_key(), "info"));
    EXPECT_FALSE(opens(sender->enc(), key, other.public_key(), "info"));
    EXPECT_FALSE(opens(other.public_key(), key, key.public_key(), "info"));
  }
}

TEST(Hpke, RefusesBadEncBeforeThePrivateHalfSeesIt) {
  const DiffieHellman never = [](ByteView) -> Result<SecretBytes> {
    ADD_FAILURE() << "the Diffie-Hellman was called";
    return SecretBytes(kDhSize);
  };
  for (const Kem kem : kKems) {
    const Suite suite{kem, Kdf::kHkdfSha256, Aead::kAes128Gcm};
    const Bytes good = pair_from(kem, 0x11).public_key();
    Bytes longer = good;
    longer.push_back(0);
    std::vector<Bytes> bad = {{}, Bytes(good.begin(), good.end() - 1), longer};
    if (kem == Kem::kP256HkdfSha256) {
      Bytes off_curve = good;
      off_curve.back() ^= 1;
      Bytes too_large(65, 0xff);
      too_large[0] = 0x04;
      Bytes zeros(65, 0);
      zeros[0] = 0x04;
      Bytes hybrid = good;  // SEC 1 allows it elsewhere; RFC 9180 does not
      hybrid[0] = static_cast<uint8_t>(0x06 | (good.back() & 1));
      Bytes compressed(good.begin(), good.begin() + 33);
      compressed[0] = static_cast<uint8_t>(0x02 | (good.back() & 1));
      bad.insert(bad.end(), {off_curve, too_large, zeros, hybrid, compressed, Bytes(1, 0)});
    }
    for (const Bytes& enc : bad) {
      EXPECT_EQ(setup_recipient(suite, enc, good, never, {}).error().code, kBadPublicKey) << to_hex(enc);
      EXPECT_EQ(setup_recipient(suite, good, enc, never, {}).error().code, kBadPublicKey) << to_hex(enc);
      EXPECT_EQ(setup_sender(suite, enc, {}).error().code, kBadPublicKey) << to_hex(enc);
    }
  }
}

TEST(Hpke, RefusesAnUnusableDiffieHellmanAndPassesItsErrorOn) {
  const KeyPair key = pair_from(Kem::kP256HkdfSha256, 0x11);
  for (const size_t size : {0U, 31U, 32U, 33U, 65U}) {  // 32: all zeros
    const DiffieHellman zeros = [size](ByteView) -> Result<SecretBytes> { return SecretBytes(size); };
    EXPECT_EQ(setup_recipient(kOpenpccSuite, key.public_key(), key.public_key(), zeros, {}).error().code, kBadDhResult);
  }
  constexpr ErrorCode kTpmGone{"test.tpm_gone"};
  const DiffieHellman gone = [&](ByteView) -> Result<SecretBytes> { return fail(kTpmGone, "no TPM"); };
  EXPECT_EQ(setup_recipient(kOpenpccSuite, key.public_key(), key.public_key(), gone, {}).error().code, kTpmGone);
}

TEST(Hpke, StopsAtTheMessageLimit) {
  const KeyPair key = pair_from(Kem::kP256HkdfSha256, 0x11);
  auto sender = setup_sender(kOpenpccSuite, key.public_key(), {});
  ASSERT_TRUE(sender);
  auto recipient = setup_recipient(kOpenpccSuite, sender->enc(), key.public_key(), key.diffie_hellman(), {});
  ASSERT_TRUE(recipient);
  sender->skip_to_for_testing(UINT64_MAX - 1);
  recipient->skip_to_for_testing(UINT64_MAX - 1);
  const auto last = sender->seal({}, as_bytes("last"));
  ASSERT_TRUE(last);
  ASSERT_TRUE(recipient->open({}, *last));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(sender->seal({}, as_bytes("one more")).error().code, kMessageLimit);
    EXPECT_EQ(recipient->open({}, *last).error().code, kMessageLimit);
  }
}

TEST(Hpke, ExportsAtMost255Blocks) {
  auto sender = setup_sender(kOpenpccSuite, pair_from(Kem::kP256HkdfSha256, 0x11).public_key(), {});
  ASSERT_TRUE(sender);
  EXPECT_EQ(sender->export_secret({}, kHkdfMaxOutput)->size(), kHkdfMaxOutput);
  EXPECT_EQ(sender->export_secret({}, kHkdfMaxOutput + 1).error().code, kBadLength);
  EXPECT_EQ(sender->export_secret({}, 70000).error().code, kBadLength);
}

TEST(Hpke, FailsWithoutRandomness) {
  const PublicKey key = pair_from(Kem::kP256HkdfSha256, 0x11).public_key();
  EXPECT_FALSE(setup_sender(kOpenpccSuite, key, {}, fixed_random_for_testing({})));
}

}  // namespace
}  // namespace openpcc::crypto
