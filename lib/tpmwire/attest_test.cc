#include "tpmwire/attest.h"

#include "tpmwire/faults_for_testing.h"

namespace openpcc::tpmwire {
namespace {

const std::string kName = "000b" + std::string(64, '1');
const std::string kDigest = std::string(64, '2');
const std::string kClock =
    "0000000000003039"
    "00000007"
    "00000009"
    "01"
    "0102030405060708";
const std::string kQuote = "ff54434780180022" + kName + "0000" + kClock +
                           "00000001000b03bf1100"
                           "0020" +
                           kDigest;
const std::string kCreation = "ff544347801a0022" + kName + "0000" + kClock + "0022" + kName + "0020" + kDigest;

Result<Bytes> again(ByteView bytes) {
  OPENPCC_TRY(const Attest attest, parse_attest(bytes));
  return marshal_attest(attest);
}

TEST(Attest, ReadsAQuote) {
  const Attest attest = *parse_attest(*from_hex(kQuote));
  EXPECT_EQ(to_hex(attest.qualified_signer), kName);
  EXPECT_TRUE(attest.extra_data.empty());
  EXPECT_EQ(attest.clock, 12345U);
  EXPECT_EQ(attest.reset_count, 7U);
  EXPECT_EQ(attest.restart_count, 9U);
  EXPECT_TRUE(attest.clock_safe);
  EXPECT_EQ(attest.firmware_version, 0x0102030405060708U);
  const auto& quote = std::get<QuoteInfo>(attest.attested);
  EXPECT_EQ(quote.selection, official_selection());
  EXPECT_EQ(to_hex(quote.pcr_digest), kDigest);
}

TEST(Attest, ReadsACreation) {
  // 141 bytes with the size in front, as the official list has it.
  const Bytes sized = *from_hex("008b" + kCreation);
  EXPECT_EQ(sized.size(), 141U);
  const Attest attest = *parse_sized_attest(sized);
  const auto& creation = std::get<CreationInfo>(attest.attested);
  EXPECT_EQ(to_hex(creation.object_name), kName);
  EXPECT_EQ(to_hex(creation.creation_hash), kDigest);
}

TEST(Attest, ParserIsStrict) {
  expect_strict(*from_hex(kQuote), again);
  expect_strict(*from_hex(kCreation), again);
  expect_strict(*from_hex("008b" + kCreation), [](ByteView bytes) -> Result<Bytes> {
    OPENPCC_TRY(const Attest attest, parse_sized_attest(bytes));
    const Bytes content = marshal_attest(attest);
    return concat({Bytes{static_cast<uint8_t>(content.size() >> 8), static_cast<uint8_t>(content.size())}, content});
  });
}

TEST(Attest, RefusesEachFault) {
  struct Fault {
    const char* name;
    std::string hex;
    ErrorCode want;
  };
  const std::string head = "ff5443478018";
  const std::string selection = "00000001000b03bf1100";
  const Fault faults[] = {
      {"another magic", "ff544348" + kQuote.substr(8), kBadMagic},
      {"magic in the other byte order", "474354ff" + kQuote.substr(8), kBadMagic},
      {"type certify", "ff5443478017" + kQuote.substr(12), kUnsupported},
      {"name of 33 bytes", head + "0021" + kName.substr(2) + "0000" + kClock + selection + "0020" + kDigest,
       kMalformed},
      {"name over the cap", head + "0043", kMalformed},
      {"extraData over the cap",
       head + "0000"
              "0043",
       kMalformed},
      {"safe is 2",
       head +
           "0000"
           "0000" +
           kClock.substr(0, 32) + "02" + kClock.substr(34) + selection + "0020" + kDigest,
       kMalformed},
      {"quote without digest",
       head +
           "0000"
           "0000" +
           kClock + selection + "0000",
       kMalformed},
      {"quote with a SHA-1 digest",
       head +
           "0000"
           "0000" +
           kClock + selection + "0014" + kDigest.substr(24),
       kMalformed},
      {"quote with a longer digest",
       head +
           "0000"
           "0000" +
           kClock + selection + "0030" + kDigest + kDigest,
       kMalformed},
      {"quote read as creation", "ff544347801a" + kQuote.substr(12), kMalformed},
      {"creation read as quote", "ff5443478018" + kCreation.substr(12), kMalformed},
      {"creation without hash",
       "ff544347801a"
       "0000"
       "0000" +
           kClock + "0022" + kName + "0000",
       kMalformed},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    const auto got = parse_attest(*from_hex(fault.hex));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, fault.want) << got.error().message;
  }
}

TEST(Signature, ReadsAndWritesRsassa) {
  const Bytes bytes = concat({*from_hex("0014000b0100"), Bytes(256, 0xab)});
  EXPECT_EQ(bytes.size(), 262U);
  EXPECT_EQ(parse_signature(bytes)->signature, Bytes(256, 0xab));
  expect_strict(bytes, [](ByteView input) -> Result<Bytes> {
    OPENPCC_TRY(const RsassaSignature signature, parse_signature(input));
    return marshal_signature(signature);
  });
}

TEST(Signature, RefusesOtherSchemes) {
  EXPECT_EQ(parse_signature(*from_hex("0010")).error().code, kUnsupported);            // none
  EXPECT_EQ(parse_signature(*from_hex("0016000b0001aa")).error().code, kUnsupported);  // RSAPSS
  EXPECT_EQ(parse_signature(*from_hex("0018000b0001aa0001aa")).error().code, kUnsupported);
  EXPECT_EQ(parse_signature(*from_hex("001400040001aa")).error().code, kUnsupported);  // SHA-1
  EXPECT_EQ(parse_signature(*from_hex("0014000b0000")).error().code, kMalformed);
  EXPECT_EQ(parse_signature(*from_hex("0014000b0201")).error().code, kMalformed);
}

}  // namespace
}  // namespace openpcc::tpmwire
