#include "payments.h"

#include "base/base64.h"

namespace openpcc::router {
namespace {

class FreeTransaction final : public Transaction {
 public:
  void settle(std::string_view, std::function<void(Result<std::string>)> done) override { done(std::string()); }
};

class FreePayments final : public Payments {
 public:
  explicit FreePayments(int64_t default_amount) : default_amount_(default_amount) {}

  Result<std::optional<wire::Credit>> read(const net::Fields& fields) const override {
    const std::string* text = net::find_field(fields, "X-Credit");
    if (text == nullptr) return std::nullopt;
    const auto bytes = from_base64(*text);
    if (!bytes) return fail(kBadCredit, "the credit is no base64");
    auto credit = wire::decode_credit(*bytes);
    if (!credit) return fail(kBadCredit, credit.error().message);
    return *std::move(credit);
  }
  Result<int64_t> amount(const std::optional<wire::Credit>& credit) const override {
    return credit ? credit->value.amount() : default_amount_;
  }
  void begin(const std::optional<wire::Credit>&,
             std::function<void(Result<std::unique_ptr<Transaction>>)> done) override {
    done(std::make_unique<FreeTransaction>());
  }

 private:
  int64_t default_amount_;
};

}  // namespace

std::unique_ptr<Payments> make_free_payments(int64_t default_amount) {
  return std::make_unique<FreePayments>(default_amount);
}

}  // namespace openpcc::router
