#include "payments.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace openpcc::router {
namespace {

std::string header(const wire::Currency& value) {
  return to_base64(wire::encode(wire::Credit{value, {3600, {}}, Bytes(16, 1)}).value());
}

TEST(FreePayments, ReadsCreditsWithoutRequiringThem) {
  const auto payments = make_free_payments(262144);
  const auto none = payments->read({});
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->has_value());
  EXPECT_EQ(payments->amount(*none).value(), 262144);

  const auto credit = payments->read({{"x-credit", header(wire::Currency::from_amount(1024).value())}});
  ASSERT_TRUE(credit) << credit.error().message;
  EXPECT_EQ(payments->amount(*credit).value(), 1024);
  EXPECT_EQ(payments->amount(*payments->read({{"X-Credit", header(wire::Currency())}})).value(), 0)
      << "the node refuses it";
  EXPECT_FALSE(payments->amount(*payments->read({{"X-Credit", header(wire::Currency::special(0).value())}})));
}

TEST(FreePayments, RefusesMalformedCredits) {
  const auto payments = make_free_payments(1);
  std::string flipped = header(wire::Currency());
  flipped[0] = '!';
  for (const std::string& text : {std::string(""), std::string("x"), std::string("AAAA"), flipped,
                                  header(wire::Currency()).substr(0, 20), to_base64(Bytes(5000, 0))}) {
    const auto credit = payments->read({{"X-Credit", text}});
    ASSERT_FALSE(credit) << text;
    EXPECT_EQ(credit.error().code, kBadCredit);
  }
}

TEST(FreePayments, IssuesNoRefund) {
  const auto payments = make_free_payments(1);
  std::unique_ptr<Transaction> transaction;
  payments->begin(std::nullopt, [&](Result<std::unique_ptr<Transaction>> got) { transaction = *std::move(got); });
  ASSERT_TRUE(transaction);
  for (const char* refund : {"", "CgIA8A==", "nonsense"}) {
    Result<std::string> settled = fail({"test.unset"}, "");
    transaction->settle(refund, [&](Result<std::string> got) { settled = std::move(got); });
    ASSERT_TRUE(settled);
    EXPECT_EQ(*settled, "");
  }
}

}  // namespace
}  // namespace openpcc::router
