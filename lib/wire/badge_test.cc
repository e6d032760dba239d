#include "wire/badge.h"

#include "base/base64.h"
#include "wire/test_support.h"

namespace openpcc::wire {
namespace {

constexpr std::string_view kModelsHex =
    "0b0000006c6c616d61332e323a31621300000071"
    "77656e323a312e35622d696e737472756374";
constexpr std::string_view kSignatureHex =
    "c54d1e6ecf7fd133453dc1fae867e80f279bcc9e98af5193e62dd55ca5e0accf7bdde280cab62605803844b5f3d5fdf508adf6442d4338a700"
    "51"
    "4b65c1696900";
constexpr std::string_view kHeader =
    "CigKJgsAAABsbGFtYTMuMjoxYhMAAABxd2VuMjoxLjViLWluc3RydWN0EkDFTR5uz3/"
    "RM0U9wfroZ+gPJ5vMnpivUZPmLdVcpeCsz3vd4oDKtiYFgDhE"
    "tfPV/fUIrfZELUM4pwBRS2XBaWkA";

TEST(Badge, OfficialBytes) {
  const Badge badge{{{"qwen2:1.5b-instruct", "llama3.2:1b"}}, hex(kSignatureHex)};
  EXPECT_EQ(to_hex(*signed_bytes(badge)), "0a26" + std::string(kModelsHex)) << "sorted, whatever the order given";
  EXPECT_EQ(to_base64(*encode(badge)), kHeader);
  const Badge decoded = *decode_badge(*from_base64(kHeader), Duplicates::kRefuse);
  EXPECT_EQ(decoded.credentials.models, (std::vector<std::string>{"llama3.2:1b", "qwen2:1.5b-instruct"}));
  EXPECT_EQ(decoded.signature, badge.signature);
  EXPECT_EQ(*signed_bytes(decoded), *signed_bytes(badge));
  expect_robust(
      *encode(badge), [](ByteView b) { return decode_badge(b); }, [](const Badge& b) { return *encode(b); });
}

TEST(Badge, NoModelsAreAnEmptyMessage) {
  EXPECT_EQ(signed_bytes(Badge{})->size(), 0U);
  EXPECT_EQ(to_hex(*encode(Badge{})), "0a00");
  EXPECT_EQ(*decode_badge({}), Badge{});
}

TEST(Badge, UnknownFieldsDoNotReachWhatIsSigned) {
  const Badge badge =
      *decode_badge(hex("0a0a"
                        "0a0501000000611201ff"
                        "120155"));
  EXPECT_EQ(to_hex(*signed_bytes(badge)), "0a050100000061");
  EXPECT_EQ(badge.signature, Bytes{0x55});
}

TEST(Badge, DoublesAreToleratedOrRefused) {
  const Bytes twice = hex("0a0c0a0a01000000610100000061");
  EXPECT_EQ(decode_badge(twice)->credentials.models, (std::vector<std::string>{"a", "a"}));
  EXPECT_EQ(decode_badge(twice, Duplicates::kRefuse).error().code, kInvalid);
}

TEST(Badge, RefusesWhatBreaksARule) {
  expect_faults({{"length cut", "0a050a03010000", kInvalid},
                 {"name cut", "0a070a050200000061", kInvalid},
                 {"length of 4 GiB", "0a070a05ffffffff61", kInvalid},
                 {"big-endian length", "0a070a050000000161", kInvalid},
                 {"empty name", "0a060a0400000000", kInvalid},
                 {"control character", "0a070a05010000000a", kInvalid},
                 {"DEL", "0a070a05010000007f", kInvalid},
                 {"not ASCII", "0a080a0602000000c3a9", kInvalid},
                 {"not in order", "0a0c0a0a01000000620100000061", kInvalid},
                 {"cut", "0a28", kMalformed},
                 {"too long", "12" + std::string(2 * kMaxBadgeSize, '0'), kTooLarge}},
                [](ByteView bytes) { return decode_badge(bytes); });
  std::string many = "0a92140a8f14";
  for (size_t i = 0; i < kMaxBadgeModels + 3; ++i) many += "0100000061";
  EXPECT_EQ(decode_badge(hex(many)).error().code, kTooLarge);
  EXPECT_EQ(encode(Credentials{{""}}).error().code, kUnencodable);
  EXPECT_EQ(encode(Credentials{{"a\n"}}).error().code, kUnencodable);
  EXPECT_EQ(encode(Credentials{std::vector<std::string>(kMaxBadgeModels + 1, "a")}).error().code, kUnencodable);
  EXPECT_EQ(encode(Badge{{}, Bytes(kMaxBadgeSize)}).error().code, kUnencodable);
}

}  // namespace
}  // namespace openpcc::wire
