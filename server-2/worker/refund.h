// refund.h - what is left of a request's credit after its answer, as a currency value (PROTOCOL H.14).
// Sources: confidentcompute computeworker/service.go, openpcc models/models.go.
#pragma once

#include <optional>

#include "base/random.h"
#include "wire/currency.h"

namespace openpcc::worker {

struct TokenCounts {
  int64_t input = 0;
  int64_t output = 0;
};

// 2xx: credit - input/2 - 2 output, rounded; nothing when that is not positive or the counts are not known. 400 and
// above: all of it. Another status (an http engine may redirect): nothing.
[[nodiscard]] Result<std::optional<wire::Currency>> refund_for(int status, std::optional<TokenCounts> counts,
                                                               int64_t credit_amount,
                                                               const RandomSource& random = system_random);

}  // namespace openpcc::worker
