#include "worker/refund.h"

namespace openpcc::worker {
namespace {

constexpr double kInputTokenPrice = 0.5;
constexpr double kOutputTokenPrice = 2;

// 53 bits, as many as a double holds.
Result<double> random_factor(const RandomSource& random) {
  std::array<uint8_t, 8> bytes{};
  OPENPCC_TRY_STATUS(random(bytes));
  uint64_t number = 0;
  for (const uint8_t byte : bytes) number = number << 8 | byte;
  return static_cast<double>(number >> 11) / static_cast<double>(uint64_t{1} << 53);
}

}  // namespace

Result<std::optional<wire::Currency>> refund_for(int status, std::optional<TokenCounts> counts, int64_t credit_amount,
                                                 const RandomSource& random) {
  if (status >= 400) {
    // A credit is an exact amount; what is none is rounded down.
    OPENPCC_TRY(const wire::Currency all, wire::Currency::rounded(static_cast<double>(credit_amount), 0));
    return all;
  }
  const bool success = status >= 200 && status < 300;
  if (!success || !counts) return std::nullopt;
  const double used =
      static_cast<double>(counts->input) * kInputTokenPrice + static_cast<double>(counts->output) * kOutputTokenPrice;
  const double left = static_cast<double>(credit_amount) - used;
  if (!(left > 0)) return std::nullopt;
  OPENPCC_TRY(const double factor, random_factor(random));
  OPENPCC_TRY(const wire::Currency rounded, wire::Currency::rounded(left, factor));
  return rounded;
}

}  // namespace openpcc::worker
