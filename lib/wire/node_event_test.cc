#include "wire/node_event.h"

#include "wire/test_support.h"

namespace openpcc::wire {
namespace {

RoutingInfo info() {
  return {"http://10.0.0.5:8081/", "http://10.0.0.5:8081/_health", *Tags::from({"llm", "model=llama3.2:1b"}),
          SignedEvidenceList{}};
}
std::string text(std::string_view value) {
  return to_hex(Bytes{static_cast<uint8_t>(value.size())}) + to_hex(as_bytes(value));
}
std::string info_hex() {
  return "12" + text("http://10.0.0.5:8081/") + "1a" + text("http://10.0.0.5:8081/_health") + "22" + text("llm") +
         "22" + text("model=llama3.2:1b") + "2a00";
}
std::string id_hex() {
  return "0a24" + test_id_hex();
}
const Timestamp kTime{1750680000, 0};

TEST(NodeEvent, OfficialBytesOfAHeartbeat) {
  const NodeEvent event{test_id(), 0, kTime, info()};
  const std::string want = id_hex() + "10001a0608c083e5c2062251124f" + info_hex();
  EXPECT_EQ(to_hex(*encode(event)), want);
  EXPECT_EQ(*decode_node_event(hex(want)), event);
  EXPECT_EQ(to_hex(*encode(info())), info_hex());
  EXPECT_EQ(*decode_routing_info(hex(info_hex())), info());
  expect_robust(
      hex(want), [](ByteView b) { return decode_node_event(b); }, [](const NodeEvent& e) { return *encode(e); });
}

TEST(NodeEvent, OfficialBytesOfAShutdown) {
  const NodeEvent event{test_id(), 7, kTime, Shutdown{}};
  const std::string want = id_hex() + "10071a0608c083e5c2062a00";
  EXPECT_EQ(to_hex(*encode(event)), want);
  EXPECT_EQ(*decode_node_event(hex(want)), event);
}

TEST(NodeEvent, OtherHeartbeatsRoundTrip) {
  RoutingInfo full = info();
  full.evidence = SignedEvidenceList{{EvidenceType::kTpmQuote, Bytes(500, 1), Bytes(262, 2)}};
  RoutingInfo without = info();
  without.evidence.reset();
  for (const NodeEvent& event :
       {NodeEvent{test_id(), INT64_MAX, {0, 0}, full}, NodeEvent{test_id(), 1, {-62135596800, 999999999}, without},
        NodeEvent{test_id(), 2, kTime, RoutingInfoUrl{"https://node.example/info"}}}) {
    EXPECT_EQ(*decode_node_event(*encode(event)), event);
  }
}

TEST(NodeEvent, AbsentIndexIsZeroAndTheLastPayloadCounts) {
  const NodeEvent event = *decode_node_event(hex(id_hex() +
                                                 "1a00"
                                                 "220b0a09" +
                                                 to_hex(as_bytes("http://h/")) + "2a00"));
  EXPECT_EQ(event.event_index, 0);
  EXPECT_EQ(event.timestamp, (Timestamp{0, 0}));
  EXPECT_TRUE(std::holds_alternative<Shutdown>(event.payload));
}

TEST(NodeEvent, RefusesWhatBreaksARule) {
  const std::string id = id_hex(), time = "1a0608c083e5c206", stop = "2a00";
  const std::string v4 = "0a24" + to_hex(as_bytes("0197d3a1-7c1e-4abc-8def-0123456789ab"));
  ASSERT_TRUE(decode_node_event(hex(id + time + stop)));
  expect_faults({{"empty", "", kInvalid},
                 {"no id", time + stop, kInvalid},
                 {"id of version 4", v4 + time + stop, kInvalid},
                 {"negative index", id + "10ffffffffffffffffff01" + time + stop, kInvalid},
                 {"no time", id + stop, kInvalid},
                 {"a whole second of nanoseconds", id + "1a06108094ebdc03" + stop, kInvalid},
                 {"negative nanoseconds", id + "1a0b10ffffffffffffffffff01" + stop, kInvalid},
                 {"no payload", id + time, kInvalid},
                 {"empty heartbeat", id + time + "2200", kInvalid},
                 {"empty routing info", id + time + "22021200", kInvalid},
                 {"URL without a scheme", id + time + "22030a0168", kInvalid},
                 {"cut", id + time + "2a", kMalformed}},
                [](ByteView bytes) { return decode_node_event(bytes); });
  EXPECT_EQ(decode_node_event(Bytes(kMaxNodeEventSize + 1)).error().code, kTooLarge);
}

TEST(RoutingInfo, RefusesWhatBreaksARule) {
  const std::string url = "12" + text("http://h/"), health = "1a" + text("http://h/h"), tag = "22" + text("llm");
  ASSERT_TRUE(decode_routing_info(hex(url + health + tag)));
  expect_faults(
      {{"no URL", health + tag, kInvalid},
       {"no health URL", url + tag, kInvalid},
       {"no tag", url + health, kInvalid},
       {"URL without a scheme", "12" + text("//h/") + health + tag, kInvalid},
       {"URL that begins with a colon", "12" + text("://h/") + health + tag, kInvalid},
       {"URL with a blank", "12" + text("http://h/ x") + health + tag, kInvalid},
       {"URL with a line feed", "12" + text("http://h/\n") + health + tag, kInvalid},
       {"URL that is no text", "12" + text("http://h/\xff") + health + tag, kInvalid},
       {"long URL", "128110" + to_hex(as_bytes("http:")) + std::string(2 * 2044, '6') + health + tag, kTooLarge},
       {"tag that is no text", url + health + "22" + text("\xff"), kMalformed}},
      [](ByteView bytes) { return decode_routing_info(bytes); });
  RoutingInfo bad = info();
  bad.url = "10.0.0.5:8081";
  EXPECT_EQ(encode(bad).error().code, kUnencodable);
  EXPECT_EQ(encode(NodeEvent{test_id(), 0, kTime, bad}).error().code, kUnencodable);
  EXPECT_EQ(encode(NodeEvent{test_id(), -1, kTime, info()}).error().code, kUnencodable);
}

}  // namespace
}  // namespace openpcc::wire
