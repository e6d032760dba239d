#include "crypto/signature.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/vector_file.h"

namespace openpcc::crypto {
namespace {

TEST(Signature, AgreesWithWycheproof) {
  Bytes n;
  Bytes e;
  Bytes ed25519;
  size_t rsa_cases = 0;
  size_t ed25519_cases = 0;
  for_each_vector("vectors/signature_wycheproof.txt", [&](const VectorBlock& block) {
    SCOPED_TRACE(block.where());
    const std::string type = block.word("type");
    if (type == "rsa-key") {
      n = block.hex("n");
      e = block.hex("e");
      return;
    }
    if (type == "ed25519-key") {
      ed25519 = block.hex("key");
      std::string pem = block.word("pem");
      std::replace(pem.begin(), pem.end(), '|', '\n');
      const auto read = ed25519_key_from_pem(pem);
      ASSERT_TRUE(read);
      EXPECT_EQ(*read, ed25519);
      return;
    }
    (void)block.word("id");
    const Bytes message = block.hex("msg");
    const Bytes signature = block.hex("sig");
    Status checked;
    if (type == "rsa") {
      ++rsa_cases;
      checked = verify_rsa_pkcs1_sha256(n, e, message, signature);
    } else if (type == "ed25519") {
      ++ed25519_cases;
      checked = verify_ed25519(ed25519, message, signature);
    } else {
      ADD_FAILURE() << "unknown type " << type;
    }
    const bool valid = block.valid();
    ASSERT_EQ(checked.has_value(), valid);
    if (!valid) {
      EXPECT_EQ(checked.error().code, kBadSignature);
    }
  });
  EXPECT_GT(rsa_cases, 50U);
  EXPECT_GT(ed25519_cases, 50U);
}

TEST(Rsa, RefusesWeakOrAbsurdKeys) {
  const Bytes signature(256, 1);
  Bytes good_n(256, 0xc1);
  const Bytes good_e = {1, 0, 1};
  EXPECT_EQ(verify_rsa_pkcs1_sha256(good_n, good_e, {}, signature).error().code, kBadSignature);
  struct Fault {
    const char* name;
    Bytes n;
    Bytes e;
  };
  Bytes even_n = good_n;
  even_n.back() = 0xc0;
  Bytes short_n = good_n;  // 2041 bits in 256 bytes
  short_n.front() = 0x01;
  Bytes padded(300, 0);  // 1024 bits, hidden behind zeros
  std::copy_n(good_n.begin(), 128, padded.end() - 128);
  const Fault faults[] = {{"no modulus", {}, good_e},
                          {"all-zero modulus", Bytes(256, 0), good_e},
                          {"even modulus", even_n, good_e},
                          {"1024 bits", Bytes(128, 0xc1), good_e},
                          {"1024 bits behind zeros", padded, good_e},
                          {"2041 bits", short_n, good_e},
                          {"16384 bits", Bytes(2048, 0xc1), good_e},
                          {"no exponent", good_n, {}},
                          {"exponent 0", good_n, {0, 0}},
                          {"exponent 1", good_n, {0, 1}},
                          {"even exponent", good_n, {1, 0, 0}},
                          {"huge exponent", good_n, Bytes(9, 0xff)}};
  for (const Fault& fault : faults) {
    EXPECT_EQ(verify_rsa_pkcs1_sha256(fault.n, fault.e, {}, signature).error().code, kBadKey) << fault.name;
  }
}

TEST(Ed25519, SignsWhatItVerifies) {
  const Bytes seed(32, 5);
  const auto key = ed25519_public_key(seed);
  const auto signature = sign_ed25519(seed, as_bytes("message"));
  ASSERT_TRUE(key && signature);
  EXPECT_TRUE(verify_ed25519(*key, as_bytes("message"), *signature));
  EXPECT_EQ(verify_ed25519(*key, as_bytes("messagE"), *signature).error().code, kBadSignature);
  EXPECT_EQ(verify_ed25519(*ed25519_public_key(Bytes(32, 6)), as_bytes("message"), *signature).error().code,
            kBadSignature);
  EXPECT_EQ(verify_ed25519(Bytes(31), {}, *signature).error().code, kBadKey);
  EXPECT_EQ(verify_ed25519(*key, {}, Bytes(63)).error().code, kBadSignature);
  EXPECT_EQ(sign_ed25519(Bytes(31), {}).error().code, kBadKey);
}

TEST(Ed25519, RefusesPemOfAnythingElse) {
  // A P-256 key, a private Ed25519 key, rubbish, nothing, and a text without end.
  const std::string p256 =
      "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAhfmF/C2RDkoJ4+WmZ5pojpPLBUS\n"
      "vfbWzfZuW4AoLU7RlKfeu8uXcS0t08qoWodlWnb0X8dYWZZS8ol8ZTBulCc=\n-----END PUBLIC KEY-----\n";
  const std::string private_key =
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
      "-----END PRIVATE KEY-----\n";
  const std::string texts[] = {p256, private_key, "-----BEGIN PUBLIC KEY-----\n!!!\n-----END PUBLIC KEY-----\n", "",
                               std::string(100000, 'A')};
  for (const std::string& pem : texts) EXPECT_EQ(ed25519_key_from_pem(pem).error().code, kBadKey);
}

}  // namespace
}  // namespace openpcc::crypto
