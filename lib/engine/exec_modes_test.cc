#include "engine/exec_modes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/counted_answer.h"
#include "engine/testing/scripted.h"

namespace openpcc::engine {
namespace {

using nlohmann::json;
using std::chrono::microseconds;

// Never waits, but remembers how long it was to wait. `bytes` are handed out over and over.
struct TestEnvironment {
  std::vector<uint8_t> bytes = {1};
  size_t at = 0;
  size_t pauses = 0;
  microseconds paused{0};
  int64_t now = 1'700'000'000'123'456'789;

  ExecEnvironment environment() {
    return {[this] { return now += 1000; },
            [this](MutableByteView out) -> Status {
              for (uint8_t& byte : out) byte = bytes[at++ % bytes.size()];
              return {};
            },
            [this](microseconds duration) {
              ++pauses;
              paused += duration;
            }};
  }
};

Result<std::optional<Usage>> ask(std::string_view exec, TestEnvironment& test, CollectingSink& sink,
                                 std::string_view path = kOllamaGeneratePath, int64_t credit = 1000) {
  return answer_exec({.path = path, .body = {}, .exec = exec, .credit_amount = credit}, test.environment(), sink);
}

TEST(ExecModes, AreKnownByTheirNames) {
  for (const char* mode : {"noop", "simulated", "diagnostic-", "diagnostic-x", "diagnostic-error"}) {
    EXPECT_TRUE(is_exec_mode(mode)) << mode;
  }
  for (const char* other : {"", "Noop", "noop ", "simulate", "diagnostic", "xdiagnostic-error"}) {
    EXPECT_FALSE(is_exec_mode(other)) << other;
  }
}

TEST(Simulated, StreamsTokensOfChance) {
  TestEnvironment test;
  test.bytes = {7, 99, 3, 250, 41, 18, 77};
  CollectingSink sink;
  const auto usage = ask("simulated", test, sink);
  ASSERT_TRUE(usage && *usage);
  EXPECT_EQ(sink.status, 200);
  EXPECT_EQ(sink.field("content-type"), "application/x-ndjson");
  EXPECT_EQ(sink.field("date"), "Tue, 14 Nov 2023 22:13:20 GMT");
  EXPECT_FALSE(sink.length);
  const auto lines = sink.stream();
  const auto count = static_cast<int64_t>(lines.size()) - 1;
  EXPECT_LE(count, 500);
  EXPECT_EQ(**usage, (Usage{count, count}));
  EXPECT_EQ(test.pauses, lines.size() - 1);
  EXPECT_EQ(sink.pieces.size(), lines.size());  // one line at a time
  for (const json& line : lines) {
    EXPECT_EQ(line["model"], "simulated");
    const auto token = line["response"].get<std::string>();
    EXPECT_EQ(line["done"], &line == &lines.back());
    if (line["done"] == false) {
      EXPECT_TRUE(token.size() >= 3 && token.size() <= 5) << token;
      EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), std::string::npos) << token;
    }
  }
  EXPECT_EQ(lines.back()["done_reason"], "stop");
  EXPECT_EQ(lines.back()["context"].size(), 40U);
  EXPECT_TRUE(lines.back()["created_at"].get<std::string>().starts_with("2023-11-14T22:13:20.123"));
}

TEST(Simulated, KeepsToTheCreditAndSometimesUsesAllOfIt) {
  int full = 0;
  for (int i = 0; i < 300; ++i) {
    TestEnvironment test;
    ExecEnvironment environment = test.environment();
    environment.random = system_random;
    CollectingSink sink;
    const auto usage =
        answer_exec({.path = kOllamaChatPath, .body = {}, .exec = "simulated", .credit_amount = 41}, environment, sink);
    ASSERT_TRUE(usage && *usage);
    EXPECT_LE((*usage)->output_tokens, 20);
    full += (*usage)->output_tokens == 20 ? 1 : 0;
  }
  EXPECT_GT(full, 8);  // 33 are expected; fewer than nine come once in a million runs
  EXPECT_LT(full, 75);
}

// The official worker panics here: there is no number below a half.
TEST(Simulated, AnswersTheSmallestCredits) {
  for (const int64_t credit : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1}}) {
    TestEnvironment test;
    CollectingSink sink;
    const auto usage = ask("simulated", test, sink, kOllamaGeneratePath, credit);
    ASSERT_TRUE(usage && *usage) << credit;
    EXPECT_EQ(**usage, (Usage{0, 0}));
    EXPECT_EQ(sink.stream().size(), 1U);
  }
  TestEnvironment test;
  CollectingSink sink;
  ASSERT_TRUE(ask("simulated", test, sink, kOllamaGeneratePath, 2));
  EXPECT_LE(sink.stream().size(), 2U);
}

TEST(Simulated, HasNoCountsWhereOpenAisAreLookedFor) {
  for (const std::string_view path : {kChatCompletionsPath, kCompletionsPath}) {
    TestEnvironment test;
    CollectingSink sink;
    const auto usage = ask("simulated", test, sink, path);
    ASSERT_TRUE(usage);
    EXPECT_FALSE(*usage);
  }
}

TEST(Diagnostics, HaveTheOfficialShapesAndSizes) {
  const struct {
    const char* name;
    int status;
    bool streamed;
    size_t lines;          // with the empty ones between events
    size_t official_size;  // bytes
    std::optional<Usage> usage;
  } rows[] = {
      {"error", 404, false, 1, 114, Usage{14, 0}},
      {"no-stream-empty", 200, false, 1, 203, Usage{14, 0}},
      {"no-stream-short", 200, false, 1, 329, Usage{14, 22}},
      {"no-stream-long", 200, false, 1, 3988, Usage{6, 724}},
      {"no-stream-extra-long", 200, false, 0, 1 << 20, std::nullopt},
      {"stream-empty", 200, true, 3, 223, Usage{14, 0}},
      {"stream-short", 200, true, 39, 4787, Usage{14, 18}},
      {"stream-long", 200, true, 1151, 146637, Usage{15, 574}},
      {"stream-extra-long", 200, true, 11650, 1060205, std::nullopt},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    TestEnvironment test;
    CollectingSink sink;
    const auto usage = ask("diagnostic-" + std::string(row.name), test, sink, kCompletionsPath);
    ASSERT_TRUE(usage);
    EXPECT_EQ(*usage, row.usage);
    EXPECT_EQ(sink.status, row.status);
    EXPECT_EQ(sink.field("content-type"), row.streamed ? "application/x-ndjson" : "application/json; charset=utf-8");
    EXPECT_EQ(sink.length, row.streamed ? std::nullopt : std::optional<uint64_t>(sink.body.size()));
    EXPECT_EQ(static_cast<size_t>(std::count(sink.body.begin(), sink.body.end(), '\n')), row.lines);
    EXPECT_NEAR(static_cast<double>(sink.body.size()), static_cast<double>(row.official_size),
                0.04 * static_cast<double>(row.official_size));
    EXPECT_EQ(test.pauses, row.streamed ? row.lines : 0);
    EXPECT_EQ(test.paused, microseconds(row.streamed ? 15'000 * static_cast<int64_t>(row.lines) : 0));
    EXPECT_EQ(sink.pieces.size(), row.streamed ? row.lines : 1);
    for (const json& object : sink.stream()) {
      EXPECT_TRUE(object.is_object());
    }
  }
}

TEST(Diagnostics, TheLargestAreCountedAtOllamasEndpoints) {
  for (const auto& [name, want] :
       {std::pair("no-stream-extra-long", Usage{10, 1000}), std::pair("stream-extra-long", Usage{1, 1000})}) {
    TestEnvironment test;
    CollectingSink sink;
    const auto usage = ask("diagnostic-" + std::string(name), test, sink, kOllamaGeneratePath);
    ASSERT_TRUE(usage && *usage);
    EXPECT_EQ(**usage, want);
  }
}

TEST(Diagnostics, ThatAreUnknownAreBadRequests) {
  for (const char* exec : {"diagnostic-", "diagnostic-nothing", "diagnostic-Error", "diagnostic-stream"}) {
    TestEnvironment test;
    CollectingSink sink;
    const auto usage = ask(exec, test, sink);
    ASSERT_TRUE(usage);
    EXPECT_FALSE(*usage);
    EXPECT_EQ(sink.status, 400);
    EXPECT_EQ(sink.field("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(sink.length, 0U);
    EXPECT_EQ(sink.body, "");
  }
}

TEST(ExecModes, EndAtTheFirstFailureOfTheSink) {
  for (const char* exec : {"noop", "simulated", "diagnostic-stream-empty", "diagnostic-error"}) {
    for (int at = 0;; ++at) {
      TestEnvironment test;
      CollectingSink sink;
      sink.fail_at = at;
      const auto got = ask(exec, test, sink, kOllamaChatPath, 8);
      if (got) break;
      EXPECT_EQ(got.error().code, kSinkClosed);
      EXPECT_EQ(sink.calls, at + 1);
    }
  }
}

TEST(ExecModes, FailWithoutRandomness) {
  TestEnvironment test;
  ExecEnvironment environment = test.environment();
  environment.random = [](MutableByteView) -> Status { return fail(kRandomFailed, "none"); };
  CollectingSink sink;
  const auto got =
      answer_exec({.path = kOllamaChatPath, .body = {}, .exec = "simulated", .credit_amount = 100}, environment, sink);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, kRandomFailed);
}

}  // namespace
}  // namespace openpcc::engine
