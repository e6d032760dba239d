#include "node/registry.h"

#include <gtest/gtest.h>

#include <thread>

namespace openpcc::node {
namespace {

using namespace std::chrono_literals;

const Time kNow = Time(1'700'000'000s);

UuidV7 id_of(int number) {
  std::string text = "01890000-0000-7000-8000-000000000000";
  const std::string digits = std::to_string(number);
  text.replace(text.size() - digits.size(), digits.size(), digits);
  return UuidV7::parse(text).value();
}

wire::RoutingInfo info_of(int number, const std::vector<std::string>& tags = {"llm"}) {
  wire::RoutingInfo info;
  info.url = "http://127.0.0.1:" + std::to_string(10000 + number) + "/";
  info.healthcheck_url = info.url + "_health";
  info.tags = Tags::from(tags).value();
  info.evidence = wire::SignedEvidenceList{{wire::EvidenceType::kTpmQuote, Bytes(10, 1), {}}};
  return info;
}

wire::NodeEvent event(int number, int64_t index, decltype(wire::NodeEvent::payload) payload, Time at = kNow) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at.time_since_epoch());
  return {id_of(number), index, {seconds.count(), 0}, std::move(payload)};
}
wire::NodeEvent heartbeat(int number, int64_t index, Time at = kNow) {
  return event(number, index, info_of(number), at);
}

HealthTarget target_of(const Registry& registry, int number) {
  for (const auto& target : registry.health_targets()) {
    if (target.id == id_of(number)) return target;
  }
  return {id_of(number), 0, {}};
}

void check(Registry& registry, int number, int status, Time at) {
  registry.add_check(target_of(registry, number), {at, 1ms, status, ""}, at);
}

// Registered and with three good checks, all before kNow.
void make_healthy(Registry& registry, int number, const std::vector<std::string>& tags = {"llm"}) {
  ASSERT_TRUE(registry.add_event(event(number, 0, info_of(number, tags)), kNow));
  for (int i = 3; i >= 1; --i) check(registry, number, 200, kNow - i * 1s);
}

wire::ComputeRequestInfo candidates(std::initializer_list<int> numbers) {
  wire::ComputeRequestInfo info;
  for (const int number : numbers) {
    info.candidates.push_back({id_of(number), Bytes(4, static_cast<uint8_t>(info.candidates.size()))});
  }
  return info;
}

// A random source that gives these 64-bit numbers, one a call.
RandomSource numbers(const std::vector<uint64_t>& values) {
  Bytes bytes;
  for (const uint64_t value : values) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
  }
  return fixed_random_for_testing(bytes);
}

TEST(RegistryEvents, ANodeIsRoutableAfterThreeGoodChecks) {
  Registry registry({});
  EXPECT_TRUE(registry.add_event(heartbeat(1, 0), kNow).value());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(registry.counts().routable, 0u) << i;
    EXPECT_EQ(registry.choose(candidates({1}), system_random).error().code, kNoNode);
    check(registry, 1, 200, kNow + i * 1s);
  }
  EXPECT_EQ(registry.counts().routable, 1u);
  const auto choice = registry.choose(candidates({1}), system_random);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->node->url.to_string(), "http://127.0.0.1:10001/");
  EXPECT_EQ(choice->node->id_text, id_of(1).to_string());
}

TEST(RegistryEvents, TheIndexOrdersAndRoutingInfoIsNeverReplaced) {
  Registry registry({});
  EXPECT_TRUE(registry.add_event(event(1, 5, wire::RoutingInfoUrl{"http://x/info"}), kNow).value());
  EXPECT_EQ(registry.health_targets().size(), 0u) << "a URL is accepted and never fetched";
  EXPECT_FALSE(registry.add_event(event(1, 5, wire::RoutingInfoUrl{"http://x/info"}), kNow).value())
      << "equal: ignored";
  EXPECT_FALSE(registry.add_event(event(1, 4, wire::Shutdown{}), kNow).value()) << "older: ignored";
  EXPECT_TRUE(registry.add_event(heartbeat(1, 2), kNow).value()) << "older, but the first with routing info";
  ASSERT_EQ(registry.health_targets().size(), 1u);
  auto other = heartbeat(1, 9);
  std::get<wire::RoutingInfo>(other.payload).url = "http://elsewhere/";
  std::get<wire::RoutingInfo>(other.payload).healthcheck_url = "http://elsewhere/h";
  EXPECT_TRUE(registry.add_event(other, kNow).value()) << "newer: its index and time count";
  EXPECT_EQ(registry.health_targets()[0].url.to_string(), "http://127.0.0.1:10001/_health");
  EXPECT_FALSE(registry.add_event(heartbeat(1, 9), kNow).value());
}

TEST(RegistryEvents, ShutdownEvictsAndANewHeartbeatBeginsAnew) {
  Registry registry({});
  make_healthy(registry, 1);
  EXPECT_TRUE(registry.add_event(event(1, 1, wire::Shutdown{}), kNow).value());
  EXPECT_EQ(registry.counts().known, 0u);
  EXPECT_EQ(registry.counts().routable, 0u);
  EXPECT_TRUE(registry.add_event(event(2, 0, wire::Shutdown{}), kNow).value()) << "of an unknown node";
  EXPECT_EQ(registry.counts().known, 0u);
  EXPECT_TRUE(registry.add_event(heartbeat(1, 0), kNow).value());
  EXPECT_EQ(registry.counts().routable, 0u) << "with an empty history";
}

TEST(RegistryEvents, AStaleNodeIsEvictedByItsOwnClock) {
  Registry registry({});
  EXPECT_TRUE(registry.add_event(heartbeat(1, 0, kNow - 15min - 1s), kNow).value());
  EXPECT_EQ(registry.counts().known, 0u);
  EXPECT_TRUE(registry.add_event(heartbeat(1, 0, kNow - 15min), kNow).value());
  EXPECT_EQ(registry.counts().known, 1u);
  registry.evaluate_due(kNow + 29s);
  EXPECT_EQ(registry.counts().known, 1u) << "not due yet";
  registry.evaluate_due(kNow + 30s);
  EXPECT_EQ(registry.counts().known, 0u);
}

TEST(RegistryEvents, RoutableNodesAreReevaluatedOnTime) {
  Registry registry({});
  make_healthy(registry, 1);
  ASSERT_TRUE(registry.add_event(heartbeat(1, 1, kNow + 15min), kNow + 15min).value());
  EXPECT_EQ(registry.counts().known, 1u);
  EXPECT_EQ(registry.counts().routable, 0u) << "its checks are too old: unknown, kept";
  check(registry, 1, 200, kNow + 15min);
  check(registry, 1, 200, kNow + 15min + 1s);
  check(registry, 1, 200, kNow + 15min + 2s);
  EXPECT_EQ(registry.counts().routable, 1u);
}

TEST(RegistryEvents, FailingChecksEvict) {
  Registry registry({});
  make_healthy(registry, 1);
  check(registry, 1, 503, kNow);
  EXPECT_EQ(registry.counts().known, 0u) << "3 of 4 is below 0.9";
}

TEST(RegistryEvents, AChecksOfAFormerLifeDoesNotCount) {
  Registry registry({});
  make_healthy(registry, 1);
  const HealthTarget former = target_of(registry, 1);
  ASSERT_TRUE(registry.add_event(event(1, 1, wire::Shutdown{}), kNow));
  registry.add_check(former, {kNow, 1ms, 200, ""}, kNow);
  EXPECT_EQ(registry.counts().known, 0u) << "dropped";
  ASSERT_TRUE(registry.add_event(heartbeat(1, 0), kNow));
  for (int i = 0; i < 3; ++i) registry.add_check(former, {kNow + i * 1s, 1ms, 200, ""}, kNow);
  EXPECT_EQ(registry.counts().routable, 0u);
}

TEST(RegistryEvents, HostileInputIsCapped) {
  RegistryOptions options;
  options.max_nodes = 3;
  Registry few(options);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(few.add_event(heartbeat(i, 0), kNow));
  EXPECT_EQ(few.add_event(heartbeat(3, 0), kNow).error().code, kFull);
  EXPECT_TRUE(few.add_event(heartbeat(2, 1), kNow)) << "known ones go on";

  options = {};
  options.max_bytes = 100'000;
  Registry small(options);
  auto large = heartbeat(1, 0);
  std::get<wire::RoutingInfo>(large.payload).evidence =
      wire::SignedEvidenceList{{wire::EvidenceType::kEventLog, Bytes(60'000), {}}};
  EXPECT_TRUE(small.add_event(large, kNow));
  large.node_id = id_of(2);
  EXPECT_EQ(small.add_event(large, kNow).error().code, kFull);
  EXPECT_EQ(small.counts().known, 1u);
  ASSERT_TRUE(small.add_event(event(1, 1, wire::Shutdown{}), kNow));
  EXPECT_TRUE(small.add_event(large, kNow)) << "an eviction gives the room back";

  for (const char* url : {"ftp://x", "http://", "http://user@x/", "http://x:99999/", "unix:/run/x"}) {
    auto bad = heartbeat(3, 0);
    std::get<wire::RoutingInfo>(bad.payload).url = url;
    EXPECT_EQ(small.add_event(bad, kNow).error().code, kBadInfo) << url;
    bad = heartbeat(3, 0);
    std::get<wire::RoutingInfo>(bad.payload).healthcheck_url = url;
    EXPECT_EQ(small.add_event(bad, kNow).error().code, kBadInfo) << url;
  }
}

TEST(RegistryChoose, IsUniformOverEntriesAndTakesTheFirstKey) {
  Registry registry({});
  for (const int number : {1, 2, 3}) make_healthy(registry, number);
  // 9 is not known; 1 stands twice among the three entries left.
  const auto info = candidates({9, 1, 2, 1});
  EXPECT_EQ(registry.choose(info, numbers({0}))->candidate, 1u);
  EXPECT_EQ(registry.choose(info, numbers({1}))->candidate, 2u);
  EXPECT_EQ(registry.choose(info, numbers({2}))->candidate, 1u) << "the first entry of node 1";
  EXPECT_EQ(registry.choose(info, numbers({~uint64_t{0}, 4}))->candidate, 2u) << "a biased number is drawn again";
  EXPECT_EQ(registry.choose(candidates({9, 8}), system_random).error().code, kNoNode);
  EXPECT_EQ(registry.choose({}, system_random).error().code, kNoNode);
  EXPECT_EQ(registry.choose(info, numbers({})).error().code, kRandomFailed) << "no randomness is an error";
}

TEST(RegistryChoose, FollowsTheRoutingSet) {
  Registry registry({});
  for (const int number : {1, 2, 3}) make_healthy(registry, number);
  ASSERT_TRUE(registry.add_event(event(1, 1, wire::Shutdown{}), kNow));  // the last one takes its place
  EXPECT_EQ(registry.choose(candidates({1}), system_random).error().code, kNoNode);
  for (const int number : {2, 3})
    EXPECT_EQ(registry.choose(candidates({number}), system_random)->node->id, id_of(number));
  ASSERT_TRUE(registry.add_event(event(3, 1, wire::Shutdown{}), kNow));
  EXPECT_EQ(registry.choose(candidates({2, 3}), system_random)->node->id, id_of(2));
}

TEST(RegistryQuery, LimitTagsAndContent) {
  Registry registry({});
  make_healthy(registry, 1, {"llm", "model=a"});
  make_healthy(registry, 2, {"llm", "model=b"});
  make_healthy(registry, 3, {"llm", "model=a", "x"});
  ASSERT_TRUE(registry.add_event(heartbeat(4, 0), kNow)) << "never checked: not routable";
  const auto count = [&](const std::vector<std::string>& tags, int limit) {
    return registry.query(Tags::from(tags).value(), limit, system_random).value().size();
  };
  EXPECT_EQ(count({}, 500), 3u);
  EXPECT_EQ(count({"llm"}, 2), 2u);
  EXPECT_EQ(count({"llm"}, 0), 0u);
  EXPECT_EQ(count({"model=a"}, 500), 2u);
  EXPECT_EQ(count({"model=a", "x"}, 500), 1u);
  EXPECT_EQ(count({"model=A"}, 500), 0u);
  Bytes list;
  const auto found = registry.query(Tags::from({"x"}).value(), 1, system_random).value();
  for (const auto& entry : found) append(list, entry->manifest);
  const auto manifests = wire::decode_manifest_list(list);
  ASSERT_TRUE(manifests) << manifests.error().message;
  ASSERT_EQ(manifests->size(), 1u);
  EXPECT_EQ((*manifests)[0].id, id_of(3));
  EXPECT_EQ((*manifests)[0].tags, Tags::from({"llm", "model=a", "x"}).value()) << "all tags of the node";
  EXPECT_EQ((*manifests)[0].evidence, *info_of(3).evidence);
}

TEST(RegistryQuery, BeginsAtARandomNode) {
  Registry registry({});
  for (int number = 0; number < 5; ++number) make_healthy(registry, number);
  std::set<std::string> first;
  for (uint64_t i = 0; i < 5; ++i) first.insert(registry.query({}, 1, numbers({i})).value().at(0)->id_text);
  EXPECT_EQ(first.size(), 5u);
}

TEST(Registry, CanBeUsedFromManyThreads) {
  Registry registry({});
  for (int number = 0; number < 8; ++number) make_healthy(registry, number);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        if (t == 0) (void)registry.add_event(i % 2 == 0 ? event(7, 1 + i, wire::Shutdown{}) : heartbeat(7, i), kNow);
        if (t == 1) check(registry, 6, 200, kNow + i * 1ms);
        (void)registry.choose(candidates({6, 7}), system_random);
        (void)registry.query({}, 3, system_random);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(registry.counts().routable, 7u);
}

}  // namespace
}  // namespace openpcc::node
