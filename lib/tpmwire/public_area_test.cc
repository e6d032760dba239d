#include "tpmwire/public_area.h"

#include "base/byte_io.h"
#include "tpmwire/faults_for_testing.h"

namespace openpcc::tpmwire {
namespace {

const std::string kPolicy = "8b966d22418b606069cbfa61a9024e171f658b17217b536431f3642d16955107";

// The official templates, byte for byte (TPM bytes of the wire reference).
const std::string kSimulatorAk = "0001000b00050472000000100014000b0800000000000000";
const std::string kQemuAkHead =
    "0001000b000500f20020"
    "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0"
    "00100014000b0800000000000100";
const std::string kPrimary = "0023000b00030072000000060080004300100003001000000000";
const std::string kRekTemplate = "0023000b000200b20020" + kPolicy + "00100019000b0003001000000000";

Bytes rek(size_t x_size = 32, size_t y_size = 32) {
  Bytes out = *from_hex("0023000b000200b20020" + kPolicy + "00100019000b00030010");
  out.push_back(0);
  out.push_back(static_cast<uint8_t>(x_size));
  append(out, Bytes(x_size, 0x11));
  out.push_back(0);
  out.push_back(static_cast<uint8_t>(y_size));
  append(out, Bytes(y_size, 0x22));
  return out;
}

Bytes ak(uint8_t modulus_byte = 0x81) {
  return concat({*from_hex("0001000b00050472000000100014000b0800000000000100"), Bytes(256, modulus_byte)});
}

Result<Bytes> again(ByteView bytes) {
  OPENPCC_TRY(const PublicArea area, parse_public(bytes));
  return marshal_public(area);
}

TEST(PublicArea, ReadsTheOfficialTemplates) {
  const PublicArea simulator = *parse_public(*from_hex(kSimulatorAk));
  EXPECT_EQ(attribute_names(simulator.attributes),
            "fixedTPM|fixedParent|sensitiveDataOrigin|userWithAuth|noDA|restricted|sign");
  EXPECT_EQ(std::get<RsaKey>(simulator.key), (RsaKey{{}, {kAlgRsassa, kAlgSha256}, 2048, 0, {}}));
  const PublicArea primary = *parse_public(*from_hex(kPrimary));
  EXPECT_EQ(std::get<EccKey>(primary.key), (EccKey{{kAlgAes, 128, kAlgCfb}, {}, kCurveP256, {}, {}, {}}));
  const PublicArea template_of_rek = *parse_public(*from_hex(kRekTemplate));
  EXPECT_EQ(template_of_rek.attributes, kRekAttributes);
  EXPECT_EQ(to_hex(template_of_rek.auth_policy), kPolicy);
  EXPECT_EQ(std::get<EccKey>(template_of_rek.key).scheme, (Scheme{kAlgEcdh, kAlgSha256}));
  const PublicArea qemu = *parse_public(concat({*from_hex(kQemuAkHead), Bytes(256)}));
  EXPECT_EQ(attribute_names(qemu.attributes),
            "fixedTPM|fixedParent|sensitiveDataOrigin|userWithAuth|adminWithPolicy|restricted|sign");
}

TEST(PublicArea, ParserIsStrict) {
  expect_strict(*from_hex(kSimulatorAk), again);
  expect_strict(concat({*from_hex(kQemuAkHead), Bytes(256)}), again);
  expect_strict(*from_hex(kPrimary), again);
  expect_strict(*from_hex(kRekTemplate), again);
  expect_strict(rek(), again);
  expect_strict(ak(), again);
}

TEST(PublicArea, RefusesWhatIsNoKeyOfThisKind) {
  struct Fault {
    const char* name;
    const char* hex;
    ErrorCode want;
  };
  const Fault faults[] = {
      {"symmetric cipher", "0025000b00020072000000060080004300000000", kUnsupported},
      {"nameAlg SHA-1", "00010004000504720000 00100014000b080000000000 0000", kUnsupported},
      {"reserved attribute", "0001000b00050473000000100014000b0800000000000000", kMalformed},
      {"policy of 31 bytes", "0001000b00050472001f", kTruncated},
      {"policy of 33 bytes", "0001000b000504720021", kMalformed},
      {"policy of one byte", "0001000b0005047200010000100014000b0800000000000000", kMalformed},
      {"cipher Camellia", "0001000b0005047200000026008000430014000b0800000000000000", kUnsupported},
      {"AES with 64 bits", "0023000b00030072000000060040004300100003001000000000", kMalformed},
      {"AES in CBC mode", "0023000b00030072000000060080004200100003001000000000", kUnsupported},
      {"ECC scheme on RSA", "0001000b00050472000000100019000b0800000000000000", kUnsupported},
      {"RSA scheme on ECC", "0023000b00030072000000100014000b0003001000000000", kUnsupported},
      {"scheme with SHA-1", "0001000b0005047200000010001400040800000000000000", kUnsupported},
      {"RSA with 1024 bits", "0001000b00050472000000100014000b0400000000000000", kUnsupported},
      {"even exponent", "0001000b00050472000000100014000b0800000000020000", kMalformed},
      {"exponent 1", "0001000b00050472000000100014000b0800000000010000", kMalformed},
      {"short modulus", "0001000b00050472000000100014000b080000000000000101", kMalformed},
      {"modulus over the cap", "0001000b00050472000000100014000b0800000000000201", kMalformed},
      {"curve P-384", "0023000b000200b2000000100019000b0004001000000000", kUnsupported},
      {"coordinate of 33 bytes", "0023000b000200b2000000100019000b000300100021", kMalformed},
      {"unknown KDF", "0023000b000200b2000000100019000b0003001800000000", kUnsupported},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    std::string hex = fault.hex;
    std::erase(hex, ' ');
    const auto got = parse_public(*from_hex(hex));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, fault.want) << got.error().message;
  }
}

TEST(PublicArea, NameIsTheHashOfTheBytes) {
  // sha256sum of the template's bytes
  EXPECT_EQ(to_hex(*object_name(*parse_public(*from_hex(kSimulatorAk)))),
            "000b6cb5284d3e55fbf1ba82e683294e1c319320bc7e6897a60b90f1497d09d55033");
  EXPECT_NE(*object_name(*parse_public(rek())), *object_name(*parse_public(rek(31))));
}

TEST(PublicArea, PointIsPadded) {
  EXPECT_EQ(*uncompressed_point(*parse_public(rek())), concat({Bytes{4}, Bytes(32, 0x11), Bytes(32, 0x22)}));
  EXPECT_EQ(*uncompressed_point(*parse_public(rek(31, 1))),
            concat({Bytes{4}, Bytes(1), Bytes(31, 0x11), Bytes(31), Bytes(1, 0x22)}));
  EXPECT_EQ(uncompressed_point(*parse_public(*from_hex(kRekTemplate))).error().code, kNotP256);
  EXPECT_EQ(uncompressed_point(*parse_public(ak())).error().code, kNotP256);
}

TEST(PublicArea, RsaNumbersAreWithoutLeadingZeros) {
  const RsaNumbers numbers = *rsa_numbers(*parse_public(ak()));
  EXPECT_EQ(numbers.n, Bytes(256, 0x81));
  EXPECT_EQ(to_hex(numbers.e), "010001");
  Bytes small = ak();
  small[24] = 0;
  EXPECT_EQ(rsa_numbers(*parse_public(small))->n, Bytes(255, 0x81));
  EXPECT_EQ(rsa_numbers(*parse_public(ak(0))).error().code, kNotRsa);
  EXPECT_EQ(rsa_numbers(*parse_public(*from_hex(kSimulatorAk))).error().code, kNotRsa);
  EXPECT_EQ(rsa_numbers(*parse_public(rek())).error().code, kNotRsa);
}

TEST(PublicArea, AttributeNames) {
  EXPECT_EQ(attribute_names(0), "none");
  EXPECT_EQ(attribute_names(kRekAttributes), "fixedTPM|fixedParent|sensitiveDataOrigin|adminWithPolicy|decrypt");
  EXPECT_EQ(attribute_names(kUserWithAuth | 1U << 9 | 1U << 31), "userWithAuth|bit 9|bit 31");
}

TEST(SizedContent, TakesExactlyWhatTheSizeSays) {
  EXPECT_EQ(to_hex(*sized_content(*from_hex("0002aabb"), 2)), "aabb");
  EXPECT_TRUE(sized_content(*from_hex("0000"), 2)->empty());
  EXPECT_EQ(sized_content(*from_hex("0002aabb"), 1).error().code, kMalformed);
  EXPECT_EQ(sized_content(*from_hex("0002aa"), 2).error().code, kTruncated);
  EXPECT_EQ(sized_content(*from_hex("00"), 2).error().code, kTruncated);
  EXPECT_EQ(sized_content(*from_hex("0002aabbcc"), 9).error().code, kTrailing);
}

}  // namespace
}  // namespace openpcc::tpmwire
