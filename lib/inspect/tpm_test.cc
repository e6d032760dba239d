// The contents of evidence pieces: every TPM structure of a whole development list.
#include <gtest/gtest.h>

#include "evidence/evidence.h"
#include "inspect/test_support.h"
#include "tpmwire/attest.h"

namespace openpcc::inspect {
namespace {

using wire::EvidenceType;

evidence::List development_list() {
  for (const CorpusFile& file : read_corpus("../evidence/corpus")) {
    if (file.name == "development_list") return *evidence::decode(file.bytes);
  }
  return {};
}

Report inspect_piece(EvidenceType type, const Bytes& data, const Bytes& signature) {
  const auto list = evidence::List::from({{type, data, signature}});
  const Bytes bytes = evidence::encode(*list);
  Report report = inspect(Kind::kEvidence, bytes);
  EXPECT_EQ(fault_of(report, bytes.size()), "");
  return report;
}

std::string text_at(const Part& part, std::string_view name) {
  const Part* const found = part.find(name);
  const auto* const text = found == nullptr ? nullptr : std::get_if<std::string>(&found->value);
  return text == nullptr ? "" : *text;
}

TEST(EvidenceContents, OfADevelopmentList) {
  const auto list = development_list();
  ASSERT_EQ(list.size(), 5U);
  const Bytes bytes = evidence::encode(list);
  const Report report = inspect(Kind::kEvidence, bytes);
  ASSERT_TRUE(report.problems.empty()) << report.problems[0].rule;
  EXPECT_EQ(fault_of(report, bytes.size()), "");
  const auto& pieces = report.root.find("items")->parts;

  const Part& ak = *pieces[0].find("content");
  EXPECT_EQ(text_at(ak, "type"), "RSA");
  EXPECT_EQ(text_at(ak, "scheme"), "RSASSA");
  EXPECT_EQ(text_at(ak, "attribute_names"),
            "fixedTPM|fixedParent|sensitiveDataOrigin|userWithAuth|noDA|restricted|sign");
  EXPECT_EQ(std::get<Bytes>(ak.find("modulus")->value).size(), 256U);
  EXPECT_TRUE(std::get<bool>(ak.find("name_is_signature")->value));

  const Part& creation = *pieces[1].find("content");
  EXPECT_EQ(text_at(creation, "type"), "creation");
  const Part& rek = *pieces[3].find("content");
  EXPECT_EQ(text_at(rek, "curve"), "NIST P-256");
  EXPECT_EQ(creation.find("object_name")->value, rek.find("object_name")->value);
  EXPECT_EQ(text_at(*pieces[1].find("signature_content"), "algorithm"), "RSASSA");

  const Part& quote = *pieces[2].find("content");
  EXPECT_EQ(quote.find("pcr_values")->find("values")->parts.size(), 9U);
  const Part& attest = *quote.find("attest");
  EXPECT_EQ(text_at(attest, "type"), "quote");
  EXPECT_EQ(text_at(attest.find("pcr_selection")->parts.at(0), "pcrs"), "0, 1, 2, 3, 4, 5, 7, 8, 12");
  // A place is one in the whole input.
  const Part& digest = *attest.find("pcr_digest");
  EXPECT_EQ(std::get<Bytes>(digest.value), to_bytes(ByteView(bytes).subspan(digest.at, digest.size)));

  EXPECT_EQ(pieces[4].find("content"), nullptr) << "a MAC is opaque";
}

// Every piece cut at every length and with every byte changed: the verdict is that of the parsers (the fuzz target's
// property), and a problem is about that piece.
TEST(EvidenceContents, AgreeWithTheParsersOnEveryAlteredPiece) {
  const auto good = development_list();
  ASSERT_EQ(good.size(), 5U);
  size_t refused = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    for (const bool of_signature : {false, true}) {
      const size_t size = (of_signature ? good.pieces()[i].signature : good.pieces()[i].data).size();
      for (size_t n = 0; n < 2 * size; ++n) {
        auto pieces = good.pieces();
        Bytes& field = of_signature ? pieces[i].signature : pieces[i].data;
        if (n < size) {
          field.resize(n);
        } else {
          field[n - size] ^= 0xff;
        }
        const Report report = inspect_piece(pieces[i].type, pieces[i].data, pieces[i].signature);
        ASSERT_FALSE(report.form_refused);
        refused += report.problems.size();
        for (const Problem& problem : report.problems) {
          ASSERT_TRUE(problem.part.starts_with("items[0].")) << problem.part;
        }
      }
    }
  }
  EXPECT_GT(refused, 1000U);
}

struct Fault {
  const char* name;
  std::string hex;
  size_t at;  // in the structure
  const char* part;
  const char* rule;
};

// Where the structure begins in the list of one piece with an empty signature.
size_t place_of_data(const Report& report) {
  return report.root.find("items")->parts.at(0).find("data")->at;
}

TEST(EvidenceContents, PublicAreaFaultsAreAtTheirField) {
  const Fault faults[] = {
      {"symmetric cipher", "0025000b00020072", 0, "type", "type 0x0025"},
      {"reserved attribute", "0001000b00050473", 4, "attributes", "reserved"},
      {"a policy of 33 bytes", "0001000b000504720021", 8, "auth_policy", "33 bytes"},
      {"a policy that is cut", "0001000b00050472002001", 10, "auth_policy", "ends inside"},
      {"a policy of one byte", "0001000b0005047200010000100014000b0800000000000000", 8, "auth_policy", "1 bytes"},
      {"AES with 64 bits", "0023000b00030072000000060040004300100003001000000000", 12, "symmetric_bits", "64 bits"},
      {"RSA-1024", "0001000b00050472000000100014000b0400000000000000", 16, "key_bits", "1024"},
      {"a short modulus", "0001000b00050472000000100014000b080000000000000101", 22, "modulus", "1 bytes"},
      {"cut before the exponent", "0001000b00050472000000100014000b0800", 18, "exponent", "ends inside"},
      {"P-384", "0023000b000200b2000000100019000b0004001000000000", 16, "curve", "0x0004"},
      {"a byte too many", "0001000b00050472000000100014000b080000000000000000", 24, "", "1 bytes behind"},
      {"nothing", "", 0, "type", "ends inside"},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    const Report report = inspect_piece(EvidenceType::kTpmtPublic, *from_hex(fault.hex), {});
    ASSERT_EQ(report.problems.size(), 1U);
    const Problem& problem = report.problems[0];
    EXPECT_EQ(problem.at, place_of_data(report) + fault.at);
    EXPECT_EQ(problem.part, std::string("items[0].data") + (*fault.part == 0 ? "" : ".") + fault.part);
    EXPECT_NE(problem.rule.find(fault.rule), std::string::npos) << problem.rule;
  }
}

TEST(EvidenceContents, AttestFaultsAreAtTheirField) {
  const std::string head =
      "ff544347801a"
      "0000"
      "0000" +
      std::string(50, '0');  // up to the firmware version
  const auto sized = [](const std::string& hex) {
    std::string size = to_hex(Bytes{static_cast<uint8_t>(hex.size() / 2)});
    return "00" + size + hex;
  };
  const Fault faults[] = {
      {"no size", "00", 0, "size", "begins with a size"},
      {"a size of more than follows", "0005ff", 0, "size", "says 5 bytes, 1 follow"},
      {"not made in a TPM", sized("00000000801a"), 2, "magic", "TPM_GENERATED"},
      {"another type", sized("ff5443478017"), 6, "type", "neither quote nor creation"},
      {"a name of 5 bytes", sized(head + "00050000000000"), 37, "object_name", "5 bytes"},
      {"a hash that is cut", sized(head + "00000020aa"), 41, "creation_hash", "ends inside"},
  };
  const Bytes signature = development_list().pieces()[1].signature;
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    const Report report = inspect_piece(EvidenceType::kCertifyRekCreation, *from_hex(fault.hex), signature);
    ASSERT_EQ(report.problems.size(), 1U);
    EXPECT_EQ(report.problems[0].at, place_of_data(report) + fault.at);
    EXPECT_EQ(report.problems[0].part, std::string("items[0].data.") + fault.part);
    EXPECT_NE(report.problems[0].rule.find(fault.rule), std::string::npos) << report.problems[0].rule;
  }
}

TEST(EvidenceContents, ManifestsAndHeartbeatsAreLookedIntoAndShallowIsNot) {
  const auto list = development_list();
  Bytes bytes = evidence::encode(list);
  const Part pieces = *inspect(Kind::kEvidence, bytes).root.find("items");
  const size_t at = pieces.parts[3].find("content")->find("curve")->at;
  bytes[at + 1] = 4;
  EXPECT_EQ(inspect(Kind::kEvidence, bytes).problems.at(0).at, at);
  EXPECT_TRUE(inspect(Kind::kEvidence, bytes, {.contents = false}).problems.empty());
}

}  // namespace
}  // namespace openpcc::inspect
