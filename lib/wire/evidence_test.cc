#include "wire/evidence.h"

#include "wire/test_support.h"

namespace openpcc::wire {
namespace {

const SignedEvidencePiece kPiece{EvidenceType::kSevSnpReport, {0xaa, 0xbb}, {}};

TEST(Evidence, OfficialBytes) {
  EXPECT_EQ(to_hex(encode(kPiece)), "08041202aabb1a00");
  EXPECT_EQ(*decode_evidence_piece(hex("08041202aabb1a00")), kPiece);
  EXPECT_EQ(*decode_evidence_piece(hex("08041202aabb")), kPiece) << "an absent signature is an empty one";
  EXPECT_EQ(to_hex(encode(SignedEvidencePiece{})), "080012001a00") << "zeros and empty bytes are written";
  EXPECT_EQ(to_hex(encode(SignedEvidenceList{kPiece})), "0a0808041202aabb1a00");
  EXPECT_EQ(to_hex(*encode_hand_off({kPiece})), "0000000a0a0808041202aabb1a00");
}

TEST(Evidence, EveryTypeKeepsItsValueAndUnknownOnesAreUnspecified) {
  for (int value = 0; value <= 19; ++value) {
    const SignedEvidencePiece piece{static_cast<EvidenceType>(value), {1}, {2}};
    EXPECT_EQ(encode(piece)[1], value);
    EXPECT_EQ(*decode_evidence_piece(encode(piece)), piece);
  }
  EXPECT_EQ(decode_evidence_piece(hex("0814"))->type, EvidenceType::kUnspecified);
  EXPECT_EQ(decode_evidence_piece(hex("08ffffffffffffffffff01"))->type, EvidenceType::kUnspecified);
  EXPECT_EQ(encode(SignedEvidencePiece{static_cast<EvidenceType>(99), {}, {}})[1], 0);
}

TEST(Evidence, ListKeepsOrderAndDoubles) {
  const SignedEvidenceList list{
      {EvidenceType::kTpmQuote, {1}, {2}}, kPiece, kPiece, {EvidenceType::kUnspecified, {}, {}}};
  EXPECT_EQ(*decode_evidence_list(encode(list)), list);
  EXPECT_EQ(*decode_evidence_list({}), SignedEvidenceList{});
  const SignedEvidenceList with_unknown =
      *decode_evidence_list(hex("1005"
                                "0a0808041202aabb1a00"
                                "190102030405060708"
                                "1201ff"));
  EXPECT_EQ(with_unknown, SignedEvidenceList{kPiece}) << "unknown fields are skipped";
  expect_robust(
      encode(list), [](ByteView b) { return decode_evidence_list(b); },
      [](const SignedEvidenceList& l) { return encode(l); });
}

TEST(Evidence, RefusesWhatIsNoListOrTooMuch) {
  std::string many;
  for (size_t i = 0; i <= kMaxEvidencePieces; ++i) many += "0a00";
  expect_faults({{"cut tag", "80", kMalformed},
                 {"cut length", "0a", kMalformed},
                 {"cut piece", "0a0308041202", kMalformed},
                 {"length of ten bytes", "0affffffffffffffffff01", kMalformed},
                 {"field zero", "0200", kMalformed},
                 {"group", "0b0c", kMalformed},
                 {"cut fixed32", "15010203", kMalformed},
                 {"cut fixed64", "1101020304050607", kMalformed},
                 {"a piece that is none", "0a0208ff", kMalformed},
                 {"too many pieces", many, kTooLarge}},
                [](ByteView bytes) { return decode_evidence_list(bytes); });
  EXPECT_EQ(decode_evidence_list(Bytes(kMaxEvidenceSize + 1)).error().code, kTooLarge);
  EXPECT_EQ(decode_evidence_piece(Bytes(kMaxEvidenceSize + 1)).error().code, kTooLarge);
}

TEST(Quote, PcrValuesInOrder) {
  const PcrValues values{{12, Bytes(32, 0xcc)}, {0, Bytes(32, 0)}};
  const std::string zero = "0a2408001220" + std::string(64, '0');
  EXPECT_EQ(to_hex(encode(values)), zero + "0a24080c1220" + to_hex(Bytes(32, 0xcc)));
  EXPECT_EQ(*decode_pcr_values(encode(values)), values);
  // A Go map writes its entries in any order, and may leave a zero key out.
  EXPECT_EQ(*decode_pcr_values(hex("0a24080c1220" + to_hex(Bytes(32, 0xcc)) + "0a221220" + std::string(64, '0'))),
            values);
  const TpmQuoteAttestation quote{{1, 2, 3}, values};
  EXPECT_EQ(to_hex(encode(quote)).substr(0, 16), "0a03010203124c0a");
  EXPECT_EQ(*decode_tpm_quote(encode(quote)), quote);
  expect_robust(
      encode(quote), [](ByteView b) { return decode_tpm_quote(b); },
      [](const TpmQuoteAttestation& q) { return encode(q); });
}

TEST(Quote, RefusesWhatBreaksARule) {
  const std::string digest = to_hex(Bytes(32, 0xcc));
  expect_faults({{"index 32", "0a2408201220" + digest, kInvalid},
                 {"index of ten bytes", "0a0b08ffffffffffffffffff01", kInvalid},
                 {"no value", "0a020801", kInvalid},
                 {"value of 31 bytes", "0a230801121f" + digest.substr(2), kInvalid},
                 {"index twice", "0a2408011220" + digest + "0a2408011220" + digest, kInvalid},
                 {"cut", "0a2408011220", kMalformed},
                 {"too long", "120a" + std::string(2 * kMaxQuoteSize, '0'), kTooLarge}},
                [](ByteView bytes) { return decode_pcr_values(bytes); });
  expect_faults({{"no quote", "1200", kInvalid}, {"no PCR values", "0a0101", kInvalid}, {"neither", "", kInvalid}},
                [](ByteView bytes) { return decode_tpm_quote(bytes); });
}

TEST(HandOff, ReadsAFrameInAnyPieces) {
  const SignedEvidenceList list{kPiece, {EvidenceType::kTpmQuote, Bytes(3000, 7), Bytes(256, 8)}};
  const Bytes frame = *encode_hand_off(list);
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{1000}, frame.size()}) {
    HandOffReader reader;
    for (size_t at = 0; at < frame.size(); at += piece) {
      EXPECT_FALSE(reader.complete());
      EXPECT_EQ(reader.finish().error().code, kTruncated);
      ASSERT_TRUE(reader.feed(ByteView(frame).subspan(at, std::min(piece, frame.size() - at))));
    }
    EXPECT_TRUE(reader.complete());
    EXPECT_EQ(*reader.finish(), list);
  }
}

TEST(HandOff, RefusesWhatIsTooLongOrGoesOn) {
  HandOffReader large;
  EXPECT_EQ(large.feed(hex("00100001")).error().code, kTooLarge);
  EXPECT_EQ(large.feed(hex("00")).error().code, kTooLarge);
  HandOffReader largest;
  EXPECT_TRUE(largest.feed(hex("00100000")));
  HandOffReader more;
  EXPECT_EQ(more.feed(hex("0000000a0a0808041202aabb1a00ff")).error().code, kMalformed);
  EXPECT_FALSE(more.complete());
  EXPECT_EQ(more.feed({}).error().code, kMalformed);
  EXPECT_EQ(more.finish().error().code, kTruncated);
  HandOffReader late;
  ASSERT_TRUE(late.feed(hex("0000000a0a0808041202aabb1a00")));
  EXPECT_EQ(late.feed(hex("00")).error().code, kMalformed);
  EXPECT_EQ(encode_hand_off({{EvidenceType::kEventLog, Bytes(kMaxEvidenceSize), {}}}).error().code, kUnencodable);
}

}  // namespace
}  // namespace openpcc::wire
