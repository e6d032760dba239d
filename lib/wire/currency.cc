#include "wire/currency.h"

#include <bit>
#include <cmath>
#include <optional>

#include "wire/internal.h"
#include "wire/proto/currency.pb.h"

namespace openpcc::wire {

using namespace internal;

namespace {

constexpr unsigned kSignificantBits = 5;
constexpr uint64_t kSmallestWithExponent = 16;

std::optional<uint16_t> exact(uint64_t amount) {
  if (amount > static_cast<uint64_t>(Currency::kMaxAmount)) return std::nullopt;
  if (amount < kSmallestWithExponent) return static_cast<uint16_t>(amount);
  const auto bits = static_cast<unsigned>(std::bit_width(amount));
  const unsigned shift = bits - kSignificantBits;
  if (amount >> shift << shift != amount) return std::nullopt;
  return static_cast<uint16_t>(((shift + 1) << 4) | ((amount >> shift) & 0xf));
}

}  // namespace

Result<Currency> Currency::from_amount(int64_t amount) {
  const auto value = amount < 0 ? std::nullopt : exact(static_cast<uint64_t>(amount));
  if (!value) return invalid("currency", "the amount has no exact representation");
  Currency currency;
  currency.value_ = *value;
  return currency;
}

Result<Currency> Currency::rounded(double amount, double factor) {
  if (!(amount >= 0 && std::ceil(amount) <= static_cast<double>(kMaxAmount)) || std::isnan(factor)) {
    return invalid("currency", "the amount is not between 0 and 33285996544");
  }
  auto lower = static_cast<uint64_t>(std::floor(amount));
  auto upper = static_cast<uint64_t>(std::ceil(amount));
  const bool whole = lower == upper;
  if (upper > 2 * kSmallestWithExponent) {  // up to 32 every whole number is representable
    const unsigned shift = static_cast<unsigned>(std::bit_width(lower)) - kSignificantBits;
    const uint64_t truncated = lower >> shift;
    if (whole && truncated << shift == lower) return from_amount(static_cast<int64_t>(lower));
    lower = truncated << shift;
    upper = (truncated + 1) << shift;
  } else if (whole) {
    return from_amount(static_cast<int64_t>(lower));
  }
  const double share_of_lower =
      (static_cast<double>(upper) - amount) / (static_cast<double>(upper) - static_cast<double>(lower));
  return from_amount(static_cast<int64_t>(factor > share_of_lower ? upper : lower));
}

Result<Currency> Currency::special(int64_t amount) {
  OPENPCC_TRY(Currency currency, from_amount(amount));
  // With bit 8 set the flag would not be seen by readers.
  if (currency.value_ > 0xff) return invalid("currency", "the amount is too large for a special value");
  currency.special_ = true;
  return currency;
}

Result<Currency> Currency::from_bytes(ByteView bytes) {
  if (bytes.size() < 2) return invalid("currency", "fewer than 2 bytes");
  if (bytes[0] > 3) return invalid("currency", "unknown bits are set");
  Currency currency;
  currency.special_ = bytes[0] == 1;
  currency.value_ = static_cast<uint16_t>(((bytes[0] & 2U) << 7) | bytes[1]);
  return currency;
}

std::array<uint8_t, 2> Currency::bytes() const {
  const unsigned first = (unsigned{value_} >> 8 << 1) | (special_ ? 1U : 0U);
  return {static_cast<uint8_t>(first), static_cast<uint8_t>(value_ & 0xff)};
}

Result<int64_t> Currency::amount() const {
  if (special_) return invalid("currency", "a special value is no amount");
  const unsigned exponent = value_ >> 4;
  const int64_t mantissa = value_ & 0xf;
  return exponent == 0 ? mantissa : (16 + mantissa) << (exponent - 1);
}

namespace {

void fill(const Currency& value, csprotos::Currency& out) {
  const auto bytes = value.bytes();
  out.set_currency(bytes.data(), bytes.size());
}

Result<Currency> currency_of(const csprotos::Currency& message) {
  return Currency::from_bytes(as_bytes(message.currency()));
}

}  // namespace

Bytes encode(const Currency& value) {
  csprotos::Currency message;
  fill(value, message);
  return serialize(message);
}

Result<Currency> decode_currency(ByteView bytes) {
  OPENPCC_TRY(const auto message, parse<csprotos::Currency>(bytes, kMaxCurrencySize, "currency"));
  return currency_of(message);
}

Result<Bytes> encode(const Credit& credit) {
  if (credit.signature.empty()) return fail(kUnencodable, "credit: without a signature");
  csprotos::Credit message;
  fill(credit.value, *message.mutable_value());
  auto& timestamp = *message.mutable_nonce()->mutable_timestamp();
  if (credit.nonce.timestamp != 0) timestamp.set_seconds(credit.nonce.timestamp);
  message.mutable_nonce()->set_nonce(to_string(credit.nonce.nonce));
  message.set_signature(to_string(credit.signature));
  Bytes out = serialize(message);
  if (out.size() > kMaxCreditSize) return fail(kUnencodable, "credit: the signature is too long");
  return out;
}

Result<Credit> decode_credit(ByteView bytes) {
  OPENPCC_TRY(const auto message, parse<csprotos::Credit>(bytes, kMaxCreditSize, "credit"));
  if (!message.has_value()) return invalid("credit", "no value");
  if (!message.has_nonce() || !message.nonce().has_timestamp()) return invalid("credit", "no nonce, or no time in it");
  const std::string& nonce = message.nonce().nonce();
  Credit credit;
  if (nonce.size() != credit.nonce.nonce.size()) return invalid("credit", "the nonce is not 16 bytes");
  if (message.signature().empty()) return invalid("credit", "no signature");
  OPENPCC_TRY(credit.value, currency_of(message.value()));
  credit.nonce.timestamp = message.nonce().timestamp().seconds();
  std::copy(nonce.begin(), nonce.end(), credit.nonce.nonce.begin());
  credit.signature = from_string(message.signature());
  return credit;
}

}  // namespace openpcc::wire
