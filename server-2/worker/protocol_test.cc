#include "worker/protocol.h"

#include <gtest/gtest.h>

namespace openpcc::worker {
namespace {

std::vector<ControlMessage> one_of_each() {
  std::vector<ControlMessage> all;
  for (const ControlType type : {ControlType::kPing, ControlType::kStart, ControlType::kMetrics, ControlType::kCancel,
                                 ControlType::kBusy, ControlType::kFailed}) {
    all.push_back({.type = type, .tag = 0xfffffffe});
  }
  all.push_back({.type = ControlType::kStop, .child = 7});
  all.push_back({.type = ControlType::kStarted, .tag = 3, .child = uint64_t{1} << 63});
  all.push_back({.type = ControlType::kEnded, .child = 9, .ending = Ending::kCrashed, .code = 9});
  all.push_back({.type = ControlType::kEnded, .child = 9, .ending = Ending::kExited, .code = 255});
  all.push_back({.type = ControlType::kEnded, .child = 9, .ending = Ending::kStopped, .code = 9});
  all.push_back({.type = ControlType::kPong,
                 .tag = 1,
                 .engine = "noop",
                 .ready = true,
                 .room = true,
                 .models = {"a", "", "smollm2:135m"},
                 .without = {"user", "network"}});
  all.push_back({.type = ControlType::kMetricsText, .tag = 5, .text = "openpcc_worker_queue 0\n"});
  return all;
}

RequestHead sample_head() {
  return {.media_type = "application/confsec-chunked-req",
          .encapsulated_key = Bytes(120, 1),
          .rek_point = Bytes(65, 4),
          .credit_amount = 262144};
}

TEST(Control, RoundTrips) {
  for (const ControlMessage& message : one_of_each()) {
    SCOPED_TRACE(static_cast<int>(message.type));
    const auto parsed = parse_control(encode(message));
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_EQ(*parsed, message);
  }
}

TEST(Control, CutOrExtendedIsRefused) {
  for (const ControlMessage& message : one_of_each()) {
    SCOPED_TRACE(static_cast<int>(message.type));
    Bytes bytes = encode(message);
    for (size_t length = 0; length < bytes.size(); ++length) {
      const auto parsed = parse_control(ByteView(bytes).first(length));
      ASSERT_FALSE(parsed.has_value()) << length;
      EXPECT_EQ(parsed.error().code, kBadControl);
    }
    bytes.push_back(0);
    EXPECT_FALSE(parse_control(bytes).has_value());
  }
}

TEST(Control, AFlippedBitIsRefusedOrChangesTheMessage) {
  for (const ControlMessage& message : one_of_each()) {
    const Bytes bytes = encode(message);
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      Bytes altered = bytes;
      altered[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
      const auto parsed = parse_control(altered);
      EXPECT_FALSE(parsed && *parsed == message);
    }
  }
}

TEST(Control, CapsHold) {
  ControlMessage pong{.type = ControlType::kPong};
  pong.engine = std::string(kMaxNameSize, 'e');
  pong.models.assign(kMaxModels, "m");
  EXPECT_TRUE(parse_control(encode(pong)).has_value());
  pong.models.assign(kMaxModels, std::string(kMaxAllModelNames / kMaxModels, 'm'));
  pong.without.assign(kMaxLayers, std::string(kMaxNameSize, 'w'));
  EXPECT_TRUE(parse_control(encode(pong)).has_value());
  EXPECT_LE(encode(pong).size(), kMaxControlMessage);
  pong.without.clear();
  pong.models.emplace_back("one more");
  EXPECT_FALSE(parse_control(encode(pong)).has_value());
  pong.models.clear();
  pong.without.assign(kMaxLayers, "user");
  EXPECT_TRUE(parse_control(encode(pong)).has_value());
  pong.without.emplace_back("one more");
  EXPECT_FALSE(parse_control(encode(pong)).has_value());
  pong.without.clear();
  pong.engine += 'e';
  EXPECT_FALSE(parse_control(encode(pong)).has_value());
  EXPECT_FALSE(parse_control(Bytes{0x06, 0, 0, 0, 0}).has_value()) << "unknown type";
  ControlMessage text{.type = ControlType::kMetricsText, .text = std::string(kMaxText, 't')};
  EXPECT_TRUE(parse_control(encode(text)).has_value());
  EXPECT_LE(encode(text).size(), kMaxControlMessage);
  text.text += 't';
  EXPECT_FALSE(parse_control(encode(text)).has_value());
}

TEST(RequestHead, RoundTrips) {
  const auto parsed = parse_request_head(encode(sample_head()));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(*parsed, sample_head());
}

TEST(RequestHead, CutExtendedOversizedOrUnpaidIsRefused) {
  Bytes bytes = encode(sample_head());
  for (size_t length = 0; length < bytes.size(); ++length) {
    const auto parsed = parse_request_head(ByteView(bytes).first(length));
    ASSERT_FALSE(parsed.has_value()) << length;
    EXPECT_EQ(parsed.error().code, kBadHead);
  }
  bytes.push_back(0);
  EXPECT_FALSE(parse_request_head(bytes).has_value());
  bytes.pop_back();
  bytes[0] = 2;
  EXPECT_FALSE(parse_request_head(bytes).has_value()) << "version";

  const auto with = [](auto change) {
    RequestHead head = sample_head();
    change(head);
    return parse_request_head(encode(head)).has_value();
  };
  EXPECT_TRUE(with([](RequestHead& head) { head.encapsulated_key.resize(384); }));
  EXPECT_FALSE(with([](RequestHead& head) { head.encapsulated_key.resize(385); }));
  EXPECT_FALSE(with([](RequestHead& head) { head.media_type.resize(65); }));
  EXPECT_FALSE(with([](RequestHead& head) { head.rek_point.resize(66); }));
  EXPECT_FALSE(with([](RequestHead& head) { head.credit_amount = 0; }));
  EXPECT_FALSE(with([](RequestHead& head) { head.credit_amount = -1; }));
}

}  // namespace
}  // namespace openpcc::worker
