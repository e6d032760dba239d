#include <gtest/gtest.h>

#include "bhttp/test_support.h"

namespace openpcc::bhttp {
namespace {

RequestHead post(Fields fields = {}) {
  return {"POST", "http", "confsec.invalid", "/v1/completions", std::move(fields)};
}

WipedBytes chunked(const RequestHead& head, std::string_view body, const Fields& trailers) {
  WipedBytes out;
  MessageWriter writer({514, 514});
  EXPECT_TRUE(writer.request(head, out));
  EXPECT_TRUE(writer.content(as_bytes(body), out));
  EXPECT_TRUE(writer.finish(trailers, out));
  return out;
}

// A message put together by hand: lines may break what an encoder keeps.
WipedBytes known(std::string_view lines, std::string_view rest, std::string_view authority = "h") {
  WipedBytes out;
  const auto add = [&](std::string_view text) {
    out.push_back(static_cast<uint8_t>(text.size()));
    append(out, as_bytes(text));
  };
  out.push_back(0);
  for (const std::string_view part :
       {std::string_view("GET"), std::string_view("http"), authority, std::string_view("/")}) {
    add(part);
  }
  add(lines);
  append(out, as_bytes(rest));
  return out;
}

TEST(Decoder, StreamsContentAsItComes) {
  const std::string body(2000, 'x');
  const WipedBytes bytes = chunked(post(), body, {});
  Recorder seen;
  Decoder decoder(Kind::kRequest, seen);
  size_t heads_at = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    ASSERT_TRUE(decoder.feed(ByteView(bytes).subspan(i, 1)));
    if (heads_at == 0 && !seen.requests.empty()) heads_at = i;
    if (i == heads_at + 100) {
      EXPECT_EQ(seen.content.size(), 98U) << "content is not held back";
    }
    EXPECT_EQ(decoder.position(), i + 1);
  }
  EXPECT_TRUE(decoder.message_ended());
  ASSERT_TRUE(decoder.finish());
  EXPECT_EQ(as_text(seen.content), body);
  EXPECT_TRUE(decoder.indeterminate_length());
}

TEST(Decoder, DeliversEveryTrailerWhenOneIsAnnounced) {
  const std::string lines = std::string("\x07trailer\x08X-Refund", 17);
  const std::string trailers = std::string(
      "\x06x-more\x01"
      "1\x08x-refund\x02"
      "ab",
      21);
  std::string rest = std::string("\0", 1) + static_cast<char>(trailers.size()) + trailers;
  const Message announced = *decode_whole(Kind::kRequest, known(lines, rest), 0);
  EXPECT_EQ(announced.trailers, (Fields{{"x-more", "1"}, {"x-refund", "ab"}}));
  EXPECT_EQ(announced.request->trailer_names, std::vector<std::string>{"x-refund"});
  EXPECT_FALSE(find(announced.request->fields, "trailer")) << "the field itself is taken out";
  EXPECT_EQ(announced.request->content_length, std::nullopt) << "a message with trailers has no known length";
  const Message silent = *decode_whole(Kind::kRequest, known("", rest), 0);
  EXPECT_EQ(silent.trailers, Fields{}) << "dropped";
}

TEST(Decoder, OnlyTheFirstTrailerFieldCounts) {
  const std::string lines = std::string("\x07trailer\x01x\x07trailer\x04host", 23);
  const Message message = *decode_whole(Kind::kRequest, known(lines, ""), 0);
  EXPECT_EQ(message.request->trailer_names, std::vector<std::string>{"x"});
  EXPECT_EQ(message.request->fields, Fields{});
}

TEST(Decoder, ContentLengthRules) {
  const std::string body = std::string("\3abc\0", 5);
  const std::string none = std::string("\0\0", 2);
  const std::string one = std::string(
      "\x0e"
      "content-length\x01"
      "7",
      17);
  const auto length = [](const WipedBytes& bytes) {
    return decode_whole(Kind::kRequest, bytes, 10)->request->content_length;
  };
  EXPECT_EQ(length(known("", body)), std::nullopt) << "content without the field has no length";
  EXPECT_EQ(length(known("", none)), 0U);
  EXPECT_EQ(length(known("", "")), 0U) << "content and trailers cut off";
  EXPECT_EQ(length(known(one, body)), 7U) << "what the field says, right or wrong";
  EXPECT_EQ(length(known(one + one, body)), std::nullopt);
  EXPECT_EQ(length(known(one, none)), 7U);
  EXPECT_EQ(length(chunked(post(), "abc", {})), std::nullopt);
  EXPECT_EQ(length(chunked(post(), "", {})), std::nullopt);
}

TEST(Decoder, TakesTheHostFieldForAMissingAuthority) {
  const std::string host = std::string(
      "\4host\5"
      "a.b:1",
      11);
  const Message message = *decode_whole(Kind::kRequest, known(host, "", ""), 0);
  EXPECT_EQ(message.request->authority, "a.b:1");
  EXPECT_EQ(message.request->fields, Fields{});
  EXPECT_EQ(decode_whole(Kind::kRequest, known(host, "", "a.b:1"), 0)->request->authority, "a.b:1");
}

TEST(Decoder, LowersNamesAndTrimsValues) {
  const std::string lines = std::string("\3X-A\5 \tv \t\3x-b\0\3X-B\1 ", 21);
  const Message message = *decode_whole(Kind::kRequest, known(lines, ""), 0);
  EXPECT_EQ(message.request->fields, (Fields{{"x-a", "v"}, {"x-b", ""}, {"x-b", ""}}));
}

TEST(Decoder, SkipsUnknownPseudoFieldsInFront) {
  const std::string lines = std::string("\x09:protocol\1x\1a\1b", 16);
  EXPECT_EQ(decode_whole(Kind::kRequest, known(lines, ""), 0)->request->fields, (Fields{{"a", "b"}}));
}

TEST(Decoder, TakesEveryFormOfNumber) {
  // Framing indicator 0 in eight bytes, GET in two, status-less request.
  Bytes bytes = *from_hex(
      "c000000000000000"
      "4003474554"
      "0468747470"
      "0168"
      "80000001"
      "2f"
      "4000"
      "8000000000");
  EXPECT_EQ(decode_whole(Kind::kRequest, bytes, 0)->request->path, "/");
}

TEST(Decoder, TakesStatusBelow100AsInformational) {
  const Message message = *decode_whole(Kind::kResponse,
                                        *from_hex("01"
                                                  "07"
                                                  "00"
                                                  "4063"
                                                  "00"
                                                  "4257"
                                                  "00"),
                                        0);
  ASSERT_EQ(message.informational.size(), 2U);
  EXPECT_EQ(message.informational[0].status, 7);
  EXPECT_EQ(message.informational[1].status, 99);
  EXPECT_EQ(message.response->status, 599);
}

TEST(Decoder, IsDeadAfterTheFirstError) {
  Recorder seen;
  Decoder decoder(Kind::kRequest, seen);
  EXPECT_EQ(decoder.feed(as_bytes("\x07")).error().code, kMalformed);
  EXPECT_EQ(decoder.feed(known("", "")).error().message, "at byte 0: the framing indicator is not 0 to 3");
  EXPECT_EQ(decoder.finish().error().code, kMalformed);
  EXPECT_EQ(seen.order, "");
}

TEST(Decoder, HasNotEndedWhenItWasCut) {
  Recorder seen;
  Decoder decoder(Kind::kRequest, seen);
  const WipedBytes bytes = *encode_request(post(), as_bytes("abc"));
  const size_t cut = as_text(bytes).rfind("abc") + 1;
  ASSERT_TRUE(decoder.feed(ByteView(bytes).first(cut)));
  EXPECT_EQ(decoder.finish().error().code, kTruncated);
  EXPECT_FALSE(decoder.message_ended());
  EXPECT_EQ(decoder.feed(ByteView(bytes).subspan(cut)).error().code, kTruncated);
}

TEST(Decoder, TakesNothingAfterFinish) {
  Recorder seen;
  Decoder decoder(Kind::kRequest, seen);
  ASSERT_TRUE(decoder.feed(known("", "")));
  ASSERT_TRUE(decoder.finish());
  EXPECT_EQ(decoder.feed(as_bytes("x")).error().code, kMisuse);
  EXPECT_EQ(decoder.finish().error().code, kMisuse);
}

TEST(Decoder, StopsWhereTheHandlerFails) {
  static constexpr ErrorCode kFull{"test.full"};
  struct Refusing : Recorder {
    Status on_content(ByteView) override { return fail(kFull, "no more"); }
  } handler;
  Decoder decoder(Kind::kRequest, handler);
  EXPECT_EQ(decoder.feed(chunked(post(), "abc", {})).error().code, kFull);
  EXPECT_EQ(decoder.finish().error().code, kFull);
  EXPECT_EQ(decoder.failed_at(), std::nullopt);
}

TEST(Decoder, RefusesAKindTheHandlerDoesNotTake) {
  struct ContentOnly : Handler {
    Status on_content(ByteView) override { return {}; }
  } handler;
  Decoder request(Kind::kAny, handler);
  EXPECT_EQ(request.feed(chunked(post(), "", {})).error().code, kMisuse);
  Decoder response(Kind::kAny, handler);
  EXPECT_EQ(response.feed(*encode_response({200, {}}, as_bytes("x"))).error().code, kMisuse);
}

TEST(Decoder, TrailersOfAnUnfinishedMessageAreNotTheEnd) {
  RequestHead head = post({{"content-type", "text/plain"}});
  head.trailer_names = {"x-refund"};
  const WipedBytes bytes = chunked(head, "hello", {{"x-refund", "abc"}});
  const Outcome whole = decode(Kind::kRequest, bytes);
  ASSERT_FALSE(whole.error);
  EXPECT_EQ(whole.seen.order, "qct");
  // In all splits, and cut at every length: complete only where nothing but padding is missing, or behind the
  // header section, or behind the content (that nothing followed there, the sealing around it must vouch for).
  size_t complete = 0;
  for (size_t size = 0; size <= bytes.size(); ++size) {
    EXPECT_EQ(decode(Kind::kRequest, bytes, size), whole);
    const Outcome cut = decode(Kind::kRequest, ByteView(bytes).first(size));
    if (cut.error) {
      EXPECT_EQ(cut.error->code, kTruncated);
    } else {
      ++complete;
      if (cut.seen.order != "q" && cut.seen.order != "qc") {
        EXPECT_EQ(cut.seen, whole.seen);
      }
    }
  }
  const size_t end = as_text(bytes).rfind("abc") + 3;
  EXPECT_EQ(complete, bytes.size() - end + 2);
}

// One flipped bit never crashes and never yields anything but a whole message or one error.
TEST(Decoder, FlippedBits) {
  RequestHead head = post({{"content-type", "text/plain"}, {"x-a", "1"}});
  head.trailer_names = {"x-refund"};
  WipedBytes bytes = chunked(head, "hello", {{"x-refund", "abc"}});
  size_t refused = 0;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
    const Outcome outcome = decode(Kind::kRequest, bytes);
    EXPECT_EQ(decode(Kind::kRequest, bytes, bit / 16, 7), outcome);
    refused += outcome.error ? 1 : 0;
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
  }
  EXPECT_GT(refused, 8U * 300U) << "at least every bit of the padding";
}

}  // namespace
}  // namespace openpcc::bhttp
