#include "wire/currency.h"

#include <cmath>

#include "wire/test_support.h"

namespace openpcc::wire {
namespace {

TEST(Currency, OfficialAmountsAndBytes) {
  const std::vector<std::pair<int64_t, const char*>> rows{{0, "0000"},      {15, "000f"},      {16, "0010"},
                                                          {32, "0020"},     {34, "0021"},      {1024, "0070"},
                                                          {262144, "00f0"}, {2621440, "0224"}, {33285996544, "02ff"}};
  for (const auto& [amount, bytes] : rows) {
    const Currency value = *Currency::from_amount(amount);
    EXPECT_EQ(to_hex(value.bytes()), bytes);
    EXPECT_EQ(*Currency::from_bytes(hex(bytes)), value);
    EXPECT_EQ(*value.amount(), amount);
  }
}

TEST(Currency, EveryValueRoundTrips) {
  int64_t last = -1;
  for (unsigned value = 0; value < 512; ++value) {
    const Bytes bytes{static_cast<uint8_t>(value >> 8 << 1), static_cast<uint8_t>(value)};
    const Currency currency = *Currency::from_bytes(bytes);
    EXPECT_EQ(to_hex(currency.bytes()), to_hex(bytes));
    const int64_t amount = *currency.amount();
    EXPECT_GT(amount, last) << "values are in order of their amounts";
    EXPECT_EQ(*Currency::from_amount(amount), currency);
    last = amount;
  }
  EXPECT_EQ(last, Currency::kMaxAmount);
}

TEST(Currency, RefusesWhatIsNotRepresentable) {
  for (const int64_t amount :
       {int64_t{-1}, int64_t{33}, int64_t{1025}, Currency::kMaxAmount + 1, INT64_MAX, INT64_MIN}) {
    EXPECT_EQ(Currency::from_amount(amount).error().code, kInvalid) << amount;
  }
}

TEST(Currency, RoundsToANeighbourByTheFactor) {
  struct Row {
    double amount, factor;
    int64_t want;
  };
  for (const Row& row : std::vector<Row>{{1, 0.5, 1},
                                         {1.6, 0, 1},
                                         {1.6, 0.3, 1},
                                         {1.6, 0.5, 2},
                                         {1.6, 1, 2},
                                         {68, 0.9, 68},
                                         {69, 0, 68},
                                         {69, 0.5, 68},
                                         {69, 0.75, 68},
                                         {69, 0.76, 72},
                                         {69, 1, 72},
                                         {145.3, 0.5, 144},
                                         {145.3, 0.9, 152},
                                         {31.5, 0.6, 32},
                                         {32.5, 0.1, 32},
                                         {32.5, 1, 34},
                                         {63.5, 1, 64},
                                         {0, 1, 0},
                                         {0.25, 0.7, 0},
                                         {0.25, 0.8, 1},
                                         {33285996543.5, 1, 33285996544},
                                         {33285996544, 0, 33285996544}}) {
    EXPECT_EQ(*Currency::rounded(row.amount, row.factor)->amount(), row.want) << row.amount << " " << row.factor;
  }
  for (const double bad : {-0.1, 33285996544.5, 1e300, HUGE_VAL, -HUGE_VAL, std::nan("")}) {
    EXPECT_EQ(Currency::rounded(bad, 0.5).error().code, kInvalid) << bad;
  }
  EXPECT_EQ(Currency::rounded(1.5, std::nan("")).error().code, kInvalid);
}

TEST(Currency, RoundingIsFairOnAverage) {
  for (const double amount : {1.6, 69.0, 145.3, 100000.0}) {
    double sum = 0;
    constexpr int kSteps = 10000;
    for (int i = 0; i < kSteps; ++i) {
      sum += static_cast<double>(*Currency::rounded(amount, (i + 0.5) / kSteps)->amount());
    }
    EXPECT_NEAR(sum / kSteps, amount, amount / 1000);
  }
}

TEST(Currency, SpecialValuesAreNoAmounts) {
  const Currency special = *Currency::special(0);
  EXPECT_EQ(to_hex(encode(special)), "0a020100");
  EXPECT_TRUE(special.is_special());
  EXPECT_FALSE(special.amount());
  EXPECT_NE(special, Currency());
  EXPECT_EQ(*decode_currency(hex("0a020100")), special);
  EXPECT_EQ(Currency::special(2621440).error().code, kInvalid) << "its flag would not be read";
  const Currency ordinary = *Currency::from_bytes(hex("03ff"));
  EXPECT_FALSE(ordinary.is_special()) << "the flag counts only where the first byte is 1";
  EXPECT_EQ(*ordinary.amount(), 33285996544);
}

TEST(Currency, Message) {
  EXPECT_EQ(to_hex(encode(*Currency::from_amount(1024))), "0a020070");
  EXPECT_EQ(*decode_currency(hex("0a03007099"))->amount(), 1024) << "bytes after the second are ignored";
  expect_faults({{"empty", "", kInvalid},
                 {"one byte", "0a0100", kInvalid},
                 {"unknown bits", "0a020400", kInvalid},
                 {"cut", "0a0200", kMalformed},
                 {"group", "0b", kMalformed},
                 {"too long", "0a40" + std::string(128, '0'), kTooLarge}},
                [](ByteView bytes) { return decode_currency(bytes); });
  expect_robust(
      hex("0a020070"), [](ByteView b) { return decode_currency(b); },
      [](const Currency& c) { return encode(c.is_special() ? c : *Currency::from_bytes(c.bytes())); });
}

// The credit of the protocol reference: value 1024, time 1750680000, nonce 00..0f, a 128-byte signature.
constexpr std::string_view kCreditHead = "0a040a020070121a0a0608c083e5c2061210000102030405060708090a0b0c0d0e0f1a8001";
constexpr std::string_view kCreditSignature =
    "abb240b710b977beb0a81488cc2d41b9d24b7fe748600736529c09f2126c9b9c23d2b1f6f9c9b3256b840dc112da7059"
    "dbf4583f4e947d1076bf148185e881c90b8108fda008484c2142fa1ed3bb0b28809075a4f51caa0730873701f70b9ce6"
    "12037bba4070ae8539ac028d2caee9dd98bc4d38ad091f6305472d6db8e6370c";

TEST(Credit, OfficialBytes) {
  Credit credit{*Currency::from_amount(1024), {1750680000, {}}, hex(kCreditSignature)};
  for (uint8_t i = 0; i < 16; ++i) credit.nonce.nonce[i] = i;
  const std::string want = std::string(kCreditHead) + std::string(kCreditSignature);
  EXPECT_EQ(to_hex(*encode(credit)), want);
  EXPECT_EQ(*decode_credit(hex(want)), credit);
  EXPECT_EQ(*decode_credit(hex(want))->value.amount(), 1024);
  expect_robust(
      hex(want), [](ByteView b) { return decode_credit(b); }, [](const Credit& c) { return *encode(c); });
}

TEST(Credit, RefusesWhatLacksAPart) {
  const std::string value = "0a040a020070", nonce = "121a0a0608c083e5c2061210000102030405060708090a0b0c0d0e0f",
                    sig = "1a01ff";
  ASSERT_TRUE(decode_credit(hex(value + nonce + sig)));
  expect_faults(
      {{"empty", "", kInvalid},
       {"no value", nonce + sig, kInvalid},
       {"no nonce", value + sig, kInvalid},
       {"no signature", value + nonce, kInvalid},
       {"empty signature", value + nonce + "1a00", kInvalid},
       {"empty value", "0a00" + nonce + sig, kInvalid},
       {"nonce without time", value + "12121210000102030405060708090a0b0c0d0e0f" + sig, kInvalid},
       {"nonce of 15 bytes", value + "12190a0608c083e5c206120f000102030405060708090a0b0c0d0e" + sig, kInvalid},
       {"nonce of 17 bytes", value + "121b0a0608c083e5c2061211000102030405060708090a0b0c0d0e0f10" + sig, kInvalid},
       {"too long", value + nonce + "1a8020" + std::string(8192, '0'), kTooLarge}},
      [](ByteView bytes) { return decode_credit(bytes); });
  EXPECT_EQ(encode(Credit{}).error().code, kUnencodable);
}

}  // namespace
}  // namespace openpcc::wire
