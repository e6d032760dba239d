#include "evidence/evidence.h"

#include <gtest/gtest.h>

namespace openpcc::evidence {
namespace {

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

List sample() {
  return *List::from({{Type::kUnspecified, {1, 2}, {3}},
                      {Type::kCertifyRekCreation, {4}, {}},
                      {Type::kTpmQuote, Bytes(300, 5), Bytes(262, 6)},
                      {Type::kTpmtPublic, {7}, {8}},
                      {Type::kUnspecified, Bytes(128, 9), Bytes(32, 10)}});
}

// PROTOCOL of the official programs: SignedEvidencePiece{type 4, data aabb, signature present and empty}.
TEST(EvidenceList, EncodesAsTheOfficialNodeDoes) {
  const auto list = List::from({{Type::kSevSnpReport, {0xaa, 0xbb}, {}}});
  EXPECT_EQ(to_hex(encode(*list)), "0a0808041202aabb1a00");
  const auto typeless = List::from({{Type::kUnspecified, {0xaa}, {0xbb}}});
  EXPECT_EQ(to_hex(encode(*typeless)), "0a0808001201aa1a01bb");
  EXPECT_TRUE(encode(List()).empty());
}

TEST(EvidenceList, DecodesWhatItEncodedInOrder) {
  const auto decoded = decode(encode(sample()));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, sample());
}

TEST(EvidenceList, AbsentFieldsAreZeroOrEmptyAndUnknownOnesIgnored) {
  const auto list =
      decode(hex("0a00"
                 "0a08080b1202aabb2201"
                 "00"));
  // The second piece carries an unknown field 4 and no signature.
  ASSERT_FALSE(list);  // its declared length is wrong: nothing is guessed
  const auto good =
      decode(hex("0a00"
                 "0a09080b1202aabb220100"));
  ASSERT_TRUE(good);
  ASSERT_EQ(good->size(), 2U);
  EXPECT_EQ(good->pieces()[0], Piece{});
  EXPECT_EQ(good->pieces()[1], (Piece{Type::kTpmQuote, {0xaa, 0xbb}, {}}));
}

TEST(EvidenceList, KeepsDuplicatesVisibleAndReadsUnknownTypesAsUnspecified) {
  const auto list =
      decode(hex("0a02080b"
                 "0a02080b"
                 "0a020863"));
  ASSERT_TRUE(list);
  EXPECT_EQ(list->count(Type::kTpmQuote), 2U);
  EXPECT_EQ(list->find(Type::kTpmQuote), &list->pieces()[0]);
  EXPECT_EQ(list->find(Type::kEventLog), nullptr);
  EXPECT_EQ(list->pieces()[2].type, Type::kUnspecified);
  EXPECT_EQ(type_name(Type::kUnspecified), "unspecified");
  EXPECT_EQ(type_name(Type{99}), "type 99");
  EXPECT_EQ(*decode(encode(*list)), *list);
}

TEST(EvidenceList, RefusesEveryCut) {
  const Bytes whole = encode(sample());
  size_t accepted = 0;
  for (size_t n = 0; n < whole.size(); ++n) {
    const auto list = decode(ByteView(whole).first(n));
    if (list) {
      ++accepted;  // only where a piece ends
      EXPECT_LT(list->size(), 5U);
    }
  }
  EXPECT_EQ(accepted, 5U);
}

TEST(EvidenceList, RefusesMoreThanTheCaps) {
  EXPECT_EQ(decode(Bytes(kMaxListSize + 1)).error().code, kTooLarge);
  std::vector<Piece> many(kMaxPieces);
  EXPECT_TRUE(List::from(many));
  many.emplace_back();
  EXPECT_EQ(List::from(many).error().code, kTooLarge);
  Bytes encoded;
  for (size_t i = 0; i <= kMaxPieces; ++i) append(encoded, hex("0a00"));
  EXPECT_EQ(decode(encoded).error().code, kTooLarge);
  EXPECT_EQ(List::from({{Type::kEventLog, Bytes(kMaxPieceSize + 1), {}}}).error().code, kTooLarge);
  EXPECT_EQ(List::from({{Type::kEventLog, {}, Bytes(kMaxPieceSize + 1)}}).error().code, kTooLarge);
  // Each within its own cap, together beyond that of the list.
  List list;
  ASSERT_TRUE(list.add({Type::kEventLog, Bytes(kMaxPieceSize), {}}));
  const auto status = list.add({Type::kEventLog, Bytes(kMaxPieceSize), {}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, kTooLarge);
  EXPECT_EQ(list.size(), 1U);
}

TEST(EvidenceList, WhatFitsTheCapsAlsoDecodes) {
  List list;
  while (list.add({Type::kEventLog, Bytes(20000, 1), Bytes(100, 2)})) {
  }
  EXPECT_GT(list.size(), 50U);
  const auto decoded = decode(encode(list));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, list);
}

TEST(EvidenceList, RefusesWhatIsNoList) {
  for (const char* text : {"ff", "0a05", "0a0212ff", "0bff", "0a0108"}) {
    const auto list = decode(hex(text));
    ASSERT_FALSE(list) << text;
    EXPECT_EQ(list.error().code, kMalformed);
  }
}

}  // namespace
}  // namespace openpcc::evidence
