#include "worker/rehearsal.h"

#include <gtest/gtest.h>

#include "process/testing.h"
#include "worker/child_testing.h"

namespace openpcc::worker {
namespace {

TEST(Rehearsal, ServesWholeAndLeavesNothingOpen) {
  const auto rehearsal = Rehearsal::create("a \"model\"");
  ASSERT_TRUE(rehearsal) << rehearsal.error().message;
  int asked = 0;
  LambdaEngine never([&](const engine::Request&, engine::ResponseSink&) -> Result<std::optional<engine::Usage>> {
    ++asked;
    return std::nullopt;
  });
  const auto noop = engine::make_noop({"a \"model\""});
  ChildOptions options{.models = {"a \"model\""},
                       .badge_key = Bytes(32, 1),
                       .engine = &never,
                       .noop = noop.get(),
                       .ask_broker = [&](int, ByteView) -> Result<SecretBytes> {
                         ++asked;
                         return fail(kBadControl, "no broker takes part");
                       },
                       .min_flush_interval = std::chrono::seconds(1),
                       .pad_lines = true};
  const auto before = process::open_descriptors().value();
  for (int i = 0; i < 3; ++i) {
    const Status done = rehearsal->run(options);
    EXPECT_TRUE(done) << done.error().message;
  }
  EXPECT_EQ(process::open_descriptors().value(), before);
  EXPECT_EQ(asked, 0) << "the engine and the broker see nothing of it";
  options.models = {"another"};
  EXPECT_TRUE(rehearsal->run(options)) << "a refusal is an answer, too";
}

TEST(Rehearsal, SaysThatItDidNotComeToItsEnd) {
  const auto rehearsal = Rehearsal::create("m");
  ASSERT_TRUE(rehearsal);
  LambdaEngine broken([](const engine::Request&, engine::ResponseSink&) -> Result<std::optional<engine::Usage>> {
    return fail(kBadControl, "broken");
  });
  ChildOptions options;
  options.models = {"m"};
  options.engine = options.noop = &broken;
  EXPECT_FALSE(rehearsal->run(options));
}

}  // namespace
}  // namespace openpcc::worker
