// Currency, credits and badges.
#include <algorithm>

#include "wire.h"
#include "wire/badge.h"
#include "wire/currency.h"

namespace openpcc::interop {

namespace {

// {"amount": n} or {"special": n}
Result<Json> show(const wire::Currency& value) {
  if (!value.is_special()) {
    OPENPCC_TRY(const int64_t amount, value.amount());
    return Json{{"amount", amount}};
  }
  // A special value tells its amount only through its bytes: bit 0 of the first one is the flag.
  auto bytes = value.bytes();
  bytes[0] = static_cast<uint8_t>(bytes[0] & ~1U);
  OPENPCC_TRY(const auto ordinary, wire::Currency::from_bytes(bytes));
  OPENPCC_TRY(const int64_t amount, ordinary.amount());
  return Json{{"special", amount}};
}

Result<wire::Currency> currency_of(const Json& value) {
  if (value.contains("special")) return wire::Currency::special(value["special"].get<int64_t>());
  return wire::Currency::from_amount(value.at("amount").get<int64_t>());
}

Result<Json> read_currency(ByteView bytes) {
  OPENPCC_TRY(const auto value, wire::decode_currency(bytes));
  return show(value);
}

Result<Bytes> write_currency(const Json& value) {
  OPENPCC_TRY(const auto currency, currency_of(value));
  return wire::encode(currency);
}

Result<Json> read_credit(ByteView bytes) {
  OPENPCC_TRY(const auto credit, wire::decode_credit(bytes));
  OPENPCC_TRY(Json value, show(credit.value));
  return Json{{"value", std::move(value)},
              {"timestamp", credit.nonce.timestamp},
              {"nonce", to_hex(credit.nonce.nonce)},
              {"signature", to_hex(credit.signature)}};
}

Result<Bytes> write_credit(const Json& value) {
  wire::Credit credit;
  OPENPCC_TRY(credit.value, currency_of(value.at("value")));
  credit.nonce.timestamp = value.at("timestamp").get<int64_t>();
  const Bytes nonce = bytes_of(value.at("nonce"));
  if (nonce.size() != credit.nonce.nonce.size()) return fail(kBadParameters, "a nonce has 16 bytes");
  std::ranges::copy(nonce, credit.nonce.nonce.begin());
  credit.signature = bytes_of(value.at("signature"));
  return wire::encode(credit);
}

Result<Json> read_badge(ByteView bytes) {
  OPENPCC_TRY(const auto badge, wire::decode_badge(bytes));
  return Json{{"models", badge.credentials.models}, {"signature", to_hex(badge.signature)}};
}

Result<Bytes> write_badge(const Json& value) {
  return wire::encode(
      wire::Badge{{value.at("models").get<std::vector<std::string>>()}, bytes_of(value.at("signature"))});
}

}  // namespace

void add_money_kinds(Kinds& kinds) {
  kinds["currency"] = {read_currency, write_currency};
  kinds["credit"] = {read_credit, write_credit};
  kinds["badge"] = {read_badge, write_badge};
}

}  // namespace openpcc::interop
