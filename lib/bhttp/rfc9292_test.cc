// The examples of RFC 9292 §5 and the official programs' messages (known-answer values of the protocol reference).
#include <gtest/gtest.h>

#include "bhttp/test_support.h"

namespace openpcc::bhttp {
namespace {

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

// Figure 8: the known-length request of figure 7.
constexpr std::string_view kFigure8 =
    "0003474554056874747073000a2f68656c6c6f2e747874406c0a757365722d6167656e74346375726c2f372e31362e33206c69626375726c2f"
    "37"
    "2e31362e33204f70656e53534c2f302e392e376c207a6c69622f312e322e3304686f73740f7777772e6578616d706c652e636f6d0f61636365"
    "70"
    "742d6c616e677561676506656e2c206d690000";
// Figure 9: the same with indeterminate length and 10 bytes of padding.
constexpr std::string_view kFigure9 =
    "0203474554056874747073000a2f68656c6c6f2e7478740a757365722d6167656e74346375726c2f372e31362e33206c69626375726c2f372e"
    "31"
    "362e33204f70656e53534c2f302e392e376c207a6c69622f312e322e3304686f73740f7777772e6578616d706c652e636f6d0f616363657074"
    "2d"
    "6c616e677561676506656e2c206d6900000000000000000000000000";
// Figure 11: an indeterminate-length response behind the informational responses 102 and 103.
constexpr std::string_view kFigure11 =
    "0340660772756e6e696e670a22736c65657020313522004067046c696e6b233c2f7374796c652e6373733e3b2072656c3d7072656c6f6164"
    "3b2061733d7374796c65046c696e6b243c2f7363726970742e6a733e3b2072656c3d7072656c6f61643b2061733d7363726970740040c804"
    "646174651d4d6f6e2c203237204a756c20323030392031323a32383a353320474d5406736572766572064170616368650d6c6173742d6d6f"
    "6469666965641d5765642c203232204a756c20323030392031393a31353a353620474d5404657461671422333461613338372d642d313536"
    "3865623030220d6163636570742d72616e6765730562797465730e636f6e74656e742d6c656e67746802353104766172790f416363657074"
    "2d456e636f64696e670c636f6e74656e742d747970650a746578742f706c61696e003348656c6c6f20576f726c6421204d7920636f6e7465"
    "6e7420696e636c75646573206120747261696c696e672043524c462e0d0a0000";
// Figure 13: a known-length response with a trailer, which is named "trailer".
constexpr std::string_view kFigure13 =
    "0140c8001d5468697320636f6e74656e7420636f6e7461696e732043524c462e0d0a0d07747261696c65720474657874";

const RequestHead kHelloRequest{
    "GET",
    "https",
    "www.example.com",
    "/hello.txt",
    {{"user-agent", "curl/7.16.3 libcurl/7.16.3 OpenSSL/0.9.7l zlib/1.2.3"}, {"accept-language", "en, mi"}}};

TEST(Rfc9292, KnownLengthRequestDecodes) {
  const Outcome outcome = decode(Kind::kRequest, hex(kFigure8));
  ASSERT_FALSE(outcome.error) << outcome.error->message;
  ASSERT_EQ(outcome.seen.order, "q");
  RequestHead want = kHelloRequest;
  want.content_length = 0;  // known length, no content, no trailers
  EXPECT_EQ(outcome.seen.requests[0], want);
}

TEST(Rfc9292, IndeterminateLengthRequestWithPaddingMeansTheSame) {
  const Outcome outcome = decode(Kind::kAny, hex(kFigure9));
  ASSERT_FALSE(outcome.error) << outcome.error->message;
  ASSERT_EQ(outcome.seen.order, "q");
  EXPECT_EQ(outcome.seen.requests[0], kHelloRequest);
}

TEST(Rfc9292, EmptyContentAndTrailersMayBeCutOff) {
  const Bytes known = hex(kFigure8);
  for (const size_t cut : {1U, 2U}) {
    const Outcome outcome = decode(Kind::kRequest, ByteView(known).first(known.size() - cut));
    EXPECT_FALSE(outcome.error) << cut;
    EXPECT_EQ(outcome.seen, decode(Kind::kRequest, known).seen) << cut;
  }
  const Bytes indeterminate = hex(kFigure9);
  for (size_t cut = 1; cut <= 12; ++cut) {
    EXPECT_FALSE(decode(Kind::kRequest, ByteView(indeterminate).first(indeterminate.size() - cut)).error) << cut;
  }
  EXPECT_EQ(decode(Kind::kRequest, ByteView(indeterminate).first(indeterminate.size() - 13)).error->code, kTruncated);
}

TEST(Rfc9292, InformationalResponsesAreCollectedAndNotDelivered) {
  const Outcome outcome = decode(Kind::kResponse, hex(kFigure11));
  ASSERT_FALSE(outcome.error) << outcome.error->message;
  ASSERT_EQ(outcome.informational.size(), 2U);
  EXPECT_EQ(outcome.informational[0], (ResponseHead{102, {{"running", "\"sleep 15\""}}}));
  EXPECT_EQ(
      outcome.informational[1],
      (ResponseHead{
          103, {{"link", "</style.css>; rel=preload; as=style"}, {"link", "</script.js>; rel=preload; as=script"}}}));
  ASSERT_EQ(outcome.seen.order, "rc");
  const ResponseHead& head = outcome.seen.responses[0];
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.fields.size(), 8U);
  EXPECT_EQ(head.content_length, 51U);
  EXPECT_EQ(find(head.fields, "etag"), "\"34aa387-d-1568eb00\"");
  EXPECT_EQ(as_text(outcome.seen.content), "Hello World! My content includes a trailing CRLF.\r\n");
}

// The RFC's trailer is named "trailer", which official programs refuse in a trailer section, and so do we.
TEST(Rfc9292, TrailerNamedTrailerIsRefused) {
  const Outcome outcome = decode(Kind::kResponse, hex(kFigure13));
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, kMalformed);
  EXPECT_EQ(outcome.failed_at, 36U);
}

TEST(Rfc9292, KnownLengthResponseWithAnotherTrailerDecodes) {
  std::string text(kFigure13);
  text.replace(text.find("747261696c6572"), 14, "782d747261696c");  // x-trail
  const Outcome outcome = decode(Kind::kResponse, hex(text));
  ASSERT_FALSE(outcome.error) << outcome.error->message;
  EXPECT_EQ(outcome.seen.order, "rc") << "not announced, so dropped";
  EXPECT_EQ(outcome.seen.responses[0], (ResponseHead{200, {}}));
  EXPECT_EQ(as_text(outcome.seen.content), "This content contains CRLF.\r\n");
}

Bytes padded(std::string_view text, size_t size) {
  Bytes bytes = hex(text);
  bytes.resize(size);
  return bytes;
}

TEST(OfficialBytes, GatewayPing) {
  const RequestHead request{"GET", "http", "confsec-router.invalid", "/ping", {{"User-Agent", "Go-http-client/1.1"}}};
  const Bytes bytes = padded(
      "0003474554046874747016636f6e667365632d726f757465722e696e76616c6964052f70696e671e0a757365722d6167656e7412476f2d68"
      "747470"
      "2d636c69656e742f312e310000",
      532);
  EXPECT_EQ(to_hex(*encode_request(request, {}, 532)), to_hex(bytes));
  const Message message = *decode_whole(Kind::kRequest, bytes, 0);
  EXPECT_EQ(message.request->authority, "confsec-router.invalid");
  EXPECT_EQ(message.request->content_length, 0U);
}

TEST(OfficialBytes, GatewayPong) {
  const ResponseHead response{200, {{"Content-Type", "text/plain; charset=utf-8"}}};
  const Bytes bytes = padded(
      "0140c8380e636f6e74656e742d6c656e67746801340c636f6e74656e742d7479706519746578742f706c61696e3b20636861727365743d75"
      "74662d"
      "3804706f6e6700",
      532);
  EXPECT_EQ(to_hex(*encode_response(response, as_bytes("pong"), 532)), to_hex(bytes));
  const Message message = *decode_whole(Kind::kResponse, bytes, 4);
  EXPECT_EQ(as_text(message.content), "pong");
  EXPECT_EQ(message.response->content_length, 4U);
  EXPECT_EQ(decode_whole(Kind::kResponse, bytes, 3).error().code, kTooLarge);
}

TEST(OfficialBytes, SealedRequest) {
  const RequestHead request{
      "POST", "http", "confsec.invalid", "/v1/completions", {{"Content-Type", "application/json"}}};
  constexpr std::string_view kBody = R"({"model":"llama3.2:1b","prompt":"hi"})";
  const Bytes bytes = padded(
      "0004504f535404687474700f636f6e667365632e696e76616c69640f2f76312f636f6d706c6574696f6e73300e636f6e74656e742d6c656e"
      "677468"
      "0233370c636f6e74656e742d74797065106170706c69636174696f6e2f6a736f6e257b226d6f64656c223a226c6c616d61332e323a316222"
      "2c2270"
      "726f6d7074223a226869227d00",
      514);
  EXPECT_EQ(to_hex(*encode_request(request, as_bytes(kBody), 514)), to_hex(bytes));
  const Message message = *decode_whole(Kind::kRequest, bytes, 1000);
  EXPECT_EQ(message.request->path, "/v1/completions");
  EXPECT_EQ(message.request->content_length, 37U);
  EXPECT_EQ(as_text(message.content), kBody);
  EXPECT_FALSE(message.indeterminate_length);
}

TEST(OfficialBytes, SealedChunkedResponse) {
  const ResponseHead response{200, {{"content-type", "application/json"}}};
  constexpr std::string_view kBytes =
      "0340c80c636f6e74656e742d74797065106170706c69636174696f6e2f6a736f6e0002686900"
      "00";
  WipedBytes out;
  MessageWriter writer({514, 0});
  ASSERT_TRUE(writer.response(response, out));
  ASSERT_TRUE(writer.content(as_bytes("hi"), out));
  ASSERT_TRUE(writer.finish({}, out));
  EXPECT_EQ(to_hex(out), kBytes);
  WipedBytes padded_out;
  MessageWriter padded_writer;
  ASSERT_TRUE(padded_writer.response(response, padded_out));
  ASSERT_TRUE(padded_writer.content(as_bytes("hi"), padded_out));
  ASSERT_TRUE(padded_writer.finish({}, padded_out));
  EXPECT_EQ(to_hex(padded_out), to_hex(padded(kBytes, 514)));
  const Message message = *decode_whole(Kind::kResponse, padded_out, 2);
  EXPECT_EQ(message.response, response);
  EXPECT_TRUE(message.indeterminate_length);
}

// Every published message, in all splits: the events do not depend on how the bytes arrive, and a cut is never taken
// for the whole unless only empty parts are missing.
TEST(Rfc9292, EveryExampleInPiecesAndCut) {
  for (const std::string_view text : {kFigure8, kFigure9, kFigure11, kFigure13}) {
    const Bytes bytes = hex(text);
    const Outcome whole = decode(Kind::kAny, bytes);
    EXPECT_EQ(decode(Kind::kAny, bytes, 1, 1), whole);
    for (size_t split = 1; split < bytes.size(); ++split) EXPECT_EQ(decode(Kind::kAny, bytes, split), whole) << split;
    for (size_t size = 0; size < bytes.size(); ++size) {
      const Outcome cut = decode(Kind::kAny, ByteView(bytes).first(size));
      if (whole.error) continue;
      if (!cut.error) {  // right behind the header section, or with nothing but zeros missing
        EXPECT_EQ(cut.seen.requests, whole.seen.requests) << size;
        EXPECT_EQ(cut.seen.responses, whole.seen.responses) << size;
        EXPECT_TRUE(cut.seen.content.empty() || cut.seen == whole.seen) << size;
      } else {
        EXPECT_EQ(cut.error->code, kTruncated) << size;
        EXPECT_EQ(cut.failed_at, size);
      }
    }
  }
}

}  // namespace
}  // namespace openpcc::bhttp
