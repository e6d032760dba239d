// payments.h - what a request pays with, behind one interface, so that a paying mode can take the place of none.
//
// The order of calls for one request: read(), then begin() once a node is chosen, then settle() once the node's
// response has ended; a transaction that is destroyed before settle() was called is rolled back. Calls are answered
// through callbacks, at once or later on the same thread, so that a mode may ask other services.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "net/http.h"
#include "wire/currency.h"

namespace openpcc::router {

inline constexpr ErrorCode kBadCredit{"router.bad_credit"};                // the header holds no credit
inline constexpr ErrorCode kUnprocessable{"router.unprocessable_credit"};  // signature, nonce or time do not hold
inline constexpr ErrorCode kBadRefund{"router.bad_refund"};                // the node's refund cannot be issued

class Transaction {
 public:
  virtual ~Transaction() = default;
  // `refund_amount`: the node's X-Refund-Amount trailer, empty where there was none. The answer is the value of the
  // X-Refund trailer, empty for none. An error aborts the response.
  virtual void settle(std::string_view refund_amount, std::function<void(Result<std::string>)> done) = 0;
};

class Payments {
 public:
  virtual ~Payments() = default;
  // The credit of the X-Credit header. Nothing: the header is absent and this mode allows that.
  [[nodiscard]] virtual Result<std::optional<wire::Credit>> read(const net::Fields& fields) const = 0;
  // The amount a node is told.
  [[nodiscard]] virtual Result<int64_t> amount(const std::optional<wire::Credit>& credit) const = 0;
  virtual void begin(const std::optional<wire::Credit>& credit,
                     std::function<void(Result<std::unique_ptr<Transaction>>)> done) = 0;
};

// Mode none: a credit must be well-formed where there is one, and is neither checked nor spent, so the client still has
// it. A node's refund is dropped, malformed or not: without a currency key there is nothing to issue it with.
[[nodiscard]] std::unique_ptr<Payments> make_free_payments(int64_t default_amount);

}  // namespace openpcc::router
