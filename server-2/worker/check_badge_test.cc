#include "worker/check_badge.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "crypto/signature.h"
#include "wire/badge.h"

namespace openpcc::worker {
namespace {

TEST(CheckBadge, OfficialDevelopmentBadge) {  // PROTOCOL M.9
  const Bytes key = from_hex("d49e6b680ec37b8e33411119a929809c32fe4cd9f53900cd7a695983cca0ee4f").value();
  const std::string header =
      "CigKJgsAAABsbGFtYTMuMjoxYhMAAABxd2VuMjoxLjViLWluc3RydWN0EkDFTR5uz3/RM0U9wfroZ+gPJ5vMnpivUZPm"
      "LdVcpeCsz3vd4oDKtiYFgDhEtfPV/fUIrfZELUM4pwBRS2XBaWkA";
  const auto models = check_badge(header, key);
  ASSERT_TRUE(models.has_value()) << models.error().message;
  EXPECT_EQ(*models, (std::vector<std::string>{"llama3.2:1b", "qwen2:1.5b-instruct"}));

  const auto message = [&](std::string_view text, ByteView with) {
    const auto checked = check_badge(text, with);
    EXPECT_TRUE(checked || checked.error().code == "ErrBadgeInvalid");
    return checked ? std::string("accepted") : checked.error().message;
  };
  EXPECT_EQ(message("", key), "badge is not provided");
  EXPECT_EQ(message("%%%", key), "failed to parse badge");
  EXPECT_EQ(message("AAAA", key), "failed to parse badge");
  Bytes other_key = key;
  other_key[5] ^= 1;
  EXPECT_EQ(message(header, other_key), "invalid signature");
  const Bytes whole = from_base64(header).value();
  Bytes unsigned_badge = to_bytes(ByteView(whole).first(42));
  EXPECT_EQ(message(to_base64(unsigned_badge), key), "invalid badge: signature not provided");
  for (size_t bit = 0; bit < whole.size() * 8; bit += 5) {
    Bytes altered = whole;
    altered[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    EXPECT_NE(message(to_base64(altered), key), "accepted") << bit;
  }
}

const Bytes kSeed(32, 7);

// A Badge message around these serialized credentials, signed over other bytes or over the same.
std::string badge_of(const std::string& credentials_hex, const std::optional<std::string>& signed_hex = std::nullopt,
                     size_t signature_size = 64) {
  const Bytes credentials = from_hex(credentials_hex).value();
  Bytes signature = crypto::sign_ed25519(kSeed, from_hex(signed_hex.value_or(credentials_hex)).value()).value();
  signature.resize(signature_size);
  Bytes badge = {0x0a, static_cast<uint8_t>(credentials.size())};
  append(badge, credentials);
  if (!signature.empty()) append(badge, Bytes{0x12, static_cast<uint8_t>(signature.size())});
  append(badge, signature);
  return to_base64(badge);
}

TEST(CheckBadge, EachRuleOfTheCredentials) {
  const std::string a = "0100000061", b = "0100000062";  // the models "a" and "b", packed
  const struct {
    const char* name;
    std::string header;
    const char* message;  // null: accepted
    std::vector<std::string> models = {};
  } rows[] = {
      {"sorted", badge_of("0a0a" + a + b), nullptr, {"a", "b"}},
      {"duplicates are tolerated", badge_of("0a0a" + a + a), nullptr, {"a", "a"}},
      {"no models: an empty message", badge_of(""), nullptr, {}},
      {"not sorted", badge_of("0a0a" + b + a), "failed to parse badge"},
      {"big-endian length", badge_of("0a050000000161"), "failed to parse badge"},
      {"length beyond the end", badge_of("0a050200000061"), "failed to parse badge"},
      {"empty name", badge_of("0a0400000000"), "failed to parse badge"},
      {"DEL in a name", badge_of("0a05010000007f"), "failed to parse badge"},
      {"control character in a name", badge_of("0a05010000001f"), "failed to parse badge"},
      {"first and last printable characters", badge_of("0a0a0100000020010000007e"), nullptr, {" ", "~"}},
      {"unknown field, signed as it is", badge_of("0a05" + a + "1801"), "invalid signature"},
      {"unknown field, signed without", badge_of("0a05" + a + "1801", "0a05" + a), nullptr, {"a"}},
      {"longer varint, signed as it is", badge_of("0a8500" + a), "invalid signature"},
      {"longer varint, signed in canonical form", badge_of("0a8500" + a, "0a05" + a), nullptr, {"a"}},
      {"signature over the models alone", badge_of("0a05" + a, a), "invalid signature"},
      {"short signature", badge_of("0a05" + a, std::nullopt, 63), "invalid signature"},
      {"long signature", badge_of("0a05" + a, std::nullopt, 65), "invalid signature"},
      {"no signature", badge_of("0a05" + a, std::nullopt, 0), "invalid badge: signature not provided"},
      {"base64 without padding", badge_of("0a06020000006162").substr(0, 102), "failed to parse badge"},
  };
  const Bytes key = crypto::ed25519_public_key(kSeed).value();
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto models = check_badge(row.header, key);
    ASSERT_EQ(models.has_value(), row.message == nullptr) << (models ? "accepted" : models.error().message);
    if (models) {
      EXPECT_EQ(*models, row.models);
      continue;
    }
    EXPECT_EQ(models.error().code, "ErrBadgeInvalid");
    EXPECT_EQ(models.error().message, row.message);
    EXPECT_EQ(models.error().status, 400);
  }
}

}  // namespace
}  // namespace openpcc::worker
