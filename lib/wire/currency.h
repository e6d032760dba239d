// currency.h - amounts, nonces and credits (PROTOCOL K.1, K.2, K.4; openpcc anonpay/currency/value.go).
//
// A Currency is a 5-bit exponent with a 4-bit mantissa, so that amounts carry at most 5 significant bits and say little
// about who holds them. Reading a credit checks its form, never its signature.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "wire/errors.h"

namespace openpcc::wire {

class Currency {
 public:
  static constexpr int64_t kMaxAmount = 33285996544;

  Currency() = default;  // amount 0
  // kInvalid unless 0 <= amount <= kMaxAmount and at most 5 significant bits are set.
  [[nodiscard]] static Result<Currency> from_amount(int64_t amount);
  // The amount itself where it is representable, else one of its two neighbours: the upper one when `factor` is greater
  // than the share of the way that is left to it. With `factor` uniform in [0, 1) this is fair on average; 1 rounds up
  // always. kInvalid when negative, too large or not a number.
  [[nodiscard]] static Result<Currency> rounded(double amount, double factor);
  // A value that is no money: special(0) pays for an attestation query. kInvalid unless `amount` is representable.
  [[nodiscard]] static Result<Currency> special(int64_t amount);
  // The first two bytes count, any that follow are ignored. The special flag counts only where the first byte is 1.
  [[nodiscard]] static Result<Currency> from_bytes(ByteView bytes);

  [[nodiscard]] std::array<uint8_t, 2> bytes() const;
  [[nodiscard]] bool is_special() const { return special_; }
  // kInvalid for a special value: it is no amount.
  [[nodiscard]] Result<int64_t> amount() const;
  friend bool operator==(const Currency&, const Currency&) = default;

 private:
  uint16_t value_ = 0;  // 9 bits
  bool special_ = false;
};

inline constexpr size_t kMaxCurrencySize = 64;  // encoded
inline constexpr size_t kMaxCreditSize = 4096;  // encoded; a signature is as long as the modulus

[[nodiscard]] Bytes encode(const Currency& value);
[[nodiscard]] Result<Currency> decode_currency(ByteView bytes);

struct Nonce {
  int64_t timestamp = 0;  // seconds since 1970; issuers use whole hours
  std::array<uint8_t, 16> nonce{};
  friend bool operator==(const Nonce&, const Nonce&) = default;
};

struct Credit {
  Currency value;
  Nonce nonce;
  Bytes signature;  // not empty
  friend bool operator==(const Credit&, const Credit&) = default;
};

[[nodiscard]] Result<Bytes> encode(const Credit& credit);
// All three fields must be there, the nonce 16 bytes with its time, the signature not empty.
[[nodiscard]] Result<Credit> decode_credit(ByteView bytes);

}  // namespace openpcc::wire
