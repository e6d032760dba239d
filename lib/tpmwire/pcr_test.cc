#include "tpmwire/pcr.h"

#include "tpmwire/faults_for_testing.h"
#include "tpmwire/public_area.h"

namespace openpcc::tpmwire {
namespace {

PcrValues zero_pcrs() {
  PcrValues values;
  for (const uint32_t index : kOfficialPcrs) values[index] = Digest{};
  return values;
}

TEST(Pcr, OfficialSelectionHasTheOfficialBytes) {
  EXPECT_EQ(to_hex(marshal_selection(official_selection())), "00000001000b03bf1100");
  const uint32_t first[] = {0, 1, 2, 3, 4, 5, 7, 8};
  EXPECT_EQ(to_hex(marshal_selection(select_pcrs(first))), "00000001000b03bf0100");
  const uint32_t last[] = {12};
  EXPECT_EQ(to_hex(marshal_selection(select_pcrs(last))), "00000001000b03001000");
}

TEST(Pcr, HighIndexGrowsTheBitmap) {
  const uint32_t high[] = {24};
  EXPECT_EQ(to_hex(marshal_selection(select_pcrs(high))), "00000001000b0400000001");
  const uint32_t beyond[] = {32};
  EXPECT_EQ(to_hex(marshal_selection(select_pcrs(beyond))), "00000001000b03000000");
}

// Known answers of the wire reference, made with the official programs' rules.
TEST(Pcr, ZeroPcrsGiveTheKnownPolicy) {
  EXPECT_EQ(to_hex(*pcr_digest(zero_pcrs())), "2d5565fb483d8ea4525a7a9229677d1038ad34b6e22c8d5152e1d7f7b9817597");
  EXPECT_EQ(to_hex(*policy_pcr_digest(zero_pcrs())),
            "8b966d22418b606069cbfa61a9024e171f658b17217b536431f3642d16955107");
}

TEST(Pcr, EveryValueAndIndexMattersToThePolicy) {
  const Digest good = *policy_pcr_digest(zero_pcrs());
  for (const uint32_t index : kOfficialPcrs) {
    PcrValues values = zero_pcrs();
    values[index][31] = 1;
    EXPECT_NE(*policy_pcr_digest(values), good) << index;
    values = zero_pcrs();
    values.erase(index);
    EXPECT_NE(*policy_pcr_digest(values), good) << index;
  }
  PcrValues more = zero_pcrs();
  more[6] = Digest{};
  EXPECT_NE(*policy_pcr_digest(more), good);
}

TEST(Pcr, RefusesImpossibleValues) {
  EXPECT_EQ(pcr_digest({}).error().code, kBadPcrs);
  EXPECT_EQ(policy_pcr_digest({}).error().code, kBadPcrs);
  EXPECT_EQ(policy_pcr_digest({{32, Digest{}}}).error().code, kBadPcrs);
  EXPECT_EQ(pcr_values_from({}).error().code, kBadPcrs);
  EXPECT_EQ(pcr_values_from({{0, Bytes(31)}}).error().code, kBadPcrs);
  EXPECT_EQ(pcr_values_from({{0, Bytes(33)}}).error().code, kBadPcrs);
  EXPECT_EQ(pcr_values_from({{32, Bytes(32)}}).error().code, kBadPcrs);
  EXPECT_EQ(pcr_values_from({{0, Bytes(32)}, {31, Bytes(32, 7)}})->at(31)[0], 7);
}

TEST(Pcr, ExtendIsTheHashOfOldAndNew) {
  EXPECT_EQ(to_hex(*extended(Digest{}, Digest{})), "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b");
}

TEST(Pcr, SelectionParserIsStrict) {
  const auto again = [](ByteView bytes) -> Result<Bytes> {
    OPENPCC_TRY(const auto list, parse_selection(bytes));
    return marshal_selection(list);
  };
  expect_strict(*from_hex("00000001000b03bf1100"), again);
  expect_strict(*from_hex("00000002000403000000000b04ffffffff"), again);
  expect_strict(*from_hex("00000000"), again);
  EXPECT_EQ(parse_selection(*from_hex("00000011")).error().code, kMalformed);  // more banks than exist
  EXPECT_EQ(parse_selection(*from_hex("ffffffff")).error().code, kMalformed);
  EXPECT_EQ(parse_selection(*from_hex("00000001000b02ffff")).error().code, kMalformed);
  EXPECT_EQ(parse_selection(*from_hex("00000001000b050000000000")).error().code, kMalformed);
}

}  // namespace
}  // namespace openpcc::tpmwire
