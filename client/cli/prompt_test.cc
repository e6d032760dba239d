#include "prompt.h"

#include <gtest/gtest.h>

namespace openpcc::cli {
namespace {

TEST(ChatBody, HasWhatTheOfficialNodeTakesAndNoMore) {
  Sampling sampling;
  EXPECT_EQ(*chat_body("m", {{"user", "Hi \"there\"\n"}}, sampling, false),
            R"({"model":"m","messages":[{"role":"user","content":"Hi \"there\"\n"}],"stream":false})");
  sampling = {.max_tokens = 5, .seed = 7, .temperature = 0.5};
  EXPECT_EQ(*chat_body("m", {{"system", "s"}, {"user", "u"}}, sampling, true),
            R"({"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}],"stream":true,)"
            R"("stream_options":{"include_usage":true},"max_tokens":5,"temperature":0.5,"seed":7})");
}

TEST(ChatBody, RefusesWhatIsNoUtf8) {
  EXPECT_EQ(chat_body("m", {{"user", "\xff"}}, {}, true).error().code, kBadPrompt);
}

}  // namespace
}  // namespace openpcc::cli
