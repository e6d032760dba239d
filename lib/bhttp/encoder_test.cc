#include <gtest/gtest.h>

#include <functional>

#include "bhttp/test_support.h"

namespace openpcc::bhttp {
namespace {

const RequestHead kPost{"POST", "http", "confsec.invalid", "/v1/completions", {{"content-type", "application/json"}}};

Result<Message> written(const RequestHead& head, ByteView content, const Fields& trailers,
                        MessageWriter::Options options) {
  WipedBytes out;
  MessageWriter writer(options);
  OPENPCC_TRY_STATUS(writer.request(head, out));
  OPENPCC_TRY_STATUS(writer.content(content, out));
  OPENPCC_TRY_STATUS(writer.finish(trailers, out));
  EXPECT_EQ(writer.written(), out.size());
  return decode_whole(Kind::kRequest, out, content.size());
}

TEST(MaxChunkData, ReservesTheSmallestExactPrefix) {
  EXPECT_EQ(max_chunk_data(514), 512U);
  EXPECT_EQ(max_chunk_data(532), 530U);
  EXPECT_EQ(max_chunk_data(4096), 4094U);
  EXPECT_EQ(max_chunk_data(16384), 16382U);
  EXPECT_EQ(max_chunk_data(64), 63U);
  EXPECT_EQ(max_chunk_data(65), 63U);
  EXPECT_EQ(max_chunk_data(66), 64U);
  EXPECT_EQ(max_chunk_data(16386), 16383U);
  EXPECT_EQ(max_chunk_data(16388), 16384U);
  EXPECT_EQ(max_chunk_data(2), 1U);
  EXPECT_EQ(max_chunk_data(0), 1U);
}

TEST(EncodeRequest, AddsContentLengthWhereTheOfficialOneDoes) {
  const auto lengths = [](const RequestHead& head, std::string_view content) {
    return decode_whole(Kind::kRequest, *encode_request(head, as_bytes(content)), 100)->request->fields;
  };
  RequestHead head{"POST", "http", "h", "/", {}};
  for (const char* method : {"POST", "PUT", "PATCH"}) {
    head.method = method;
    EXPECT_EQ(lengths(head, ""), (Fields{{"content-length", "0"}})) << method;
  }
  head.method = "GET";
  EXPECT_EQ(lengths(head, ""), Fields{});
  EXPECT_EQ(lengths(head, "abc"), (Fields{{"content-length", "3"}}));
}

TEST(EncodeRequest, LeavesOutWhatTheEncoderWritesItself) {
  RequestHead head = kPost;
  head.fields = {{"Host", "evil"}, {"Content-Length", "9999"}, {"Transfer-Encoding", "chunked"}, {"Trailer", "x"}};
  const Message message = *decode_whole(Kind::kRequest, *encode_request(head, as_bytes("abc")), 100);
  EXPECT_EQ(message.request->fields, (Fields{{"content-length", "3"}}));
  EXPECT_EQ(message.request->authority, "confsec.invalid");
  EXPECT_EQ(message.request->trailer_names, std::vector<std::string>{});
}

TEST(EncodeRequest, SortsLinesByNameAndKeepsTheOrderOfEqualNames) {
  RequestHead head{"GET", "http", "h", "/", {{"B", "2"}, {"a", "1"}, {"b", "1"}, {"A", "0"}}};
  const Message message = *decode_whole(Kind::kRequest, *encode_request(head, {}), 0);
  EXPECT_EQ(message.request->fields, (Fields{{"a", "1"}, {"a", "0"}, {"b", "2"}, {"b", "1"}}));
}

TEST(EncodeRequest, EmptyMethodAndPathHaveDefaults) {
  const Message message = *decode_whole(Kind::kRequest, *encode_request({"", "http", "h", "", {}}, {}), 0);
  EXPECT_EQ(message.request->method, "GET");
  EXPECT_EQ(message.request->path, "/");
}

TEST(EncodeRequest, ConnectHasNeitherSchemeNorPath) {
  const Message message = *decode_whole(Kind::kRequest, *encode_request({"CONNECT", "", "h:443", "", {}}, {}), 0);
  EXPECT_EQ(message.request->authority, "h:443");
  EXPECT_EQ(encode_request({"CONNECT", "", "h:443", "/", {}}, {}).error().code, kUnencodable);
  EXPECT_EQ(encode_request({"CONNECT", "http", "h:443", "", {}}, {}).error().code, kUnencodable);
  EXPECT_EQ(encode_request({"CONNECT", "", "", "", {}}, {}).error().code, kUnencodable);
}

TEST(EncodeRequest, PadsToAMultipleAndNotBeyond) {
  const size_t bare = encode_request(kPost, as_bytes("x"))->size();
  EXPECT_EQ(encode_request(kPost, as_bytes("x"), bare)->size(), bare);
  EXPECT_EQ(encode_request(kPost, as_bytes("x"), bare - 1)->size(), 2 * (bare - 1));
  EXPECT_EQ(encode_request(kPost, as_bytes("x"), 1)->size(), bare);
  EXPECT_EQ(encode_request(kPost, as_bytes("x"), 514)->size(), 514U);
}

TEST(EncodeResponse, AlwaysNamesItsLength) {
  const Message message = *decode_whole(Kind::kResponse, *encode_response({204, {}}, {}), 0);
  EXPECT_EQ(message.response->fields, (Fields{{"content-length", "0"}}));
}

TEST(Encode, RefusesWhatEveryReaderRefuses) {
  struct Row {
    const char* name;
    std::function<void(RequestHead&)> break_it;
  };
  const std::vector<Row> rows{
      {"method with a space", [](RequestHead& h) { h.method = "GE T"; }},
      {"method too long", [](RequestHead& h) { h.method = std::string(65, 'A'); }},
      {"scheme with a slash", [](RequestHead& h) { h.scheme = "http/"; }},
      {"scheme too long", [](RequestHead& h) { h.scheme = std::string(65, 'a'); }},
      {"authority with a slash", [](RequestHead& h) { h.authority = "a/b"; }},
      {"authority too long", [](RequestHead& h) { h.authority = std::string(257, 'a'); }},
      {"path without a slash", [](RequestHead& h) { h.path = "v1"; }},
      {"path with a line feed", [](RequestHead& h) { h.path = "/a\nb"; }},
      {"path with a space", [](RequestHead& h) { h.path = "/a b"; }},
      {"path with half an escape", [](RequestHead& h) { h.path = "/a%2"; }},
      {"path too long", [](RequestHead& h) { h.path = "/" + std::string(4096, 'a'); }},
      {"empty name",
       [](RequestHead& h) {
         h.fields = {{"", "v"}};
       }},
      {"name with a space",
       [](RequestHead& h) {
         h.fields = {{"a b", "v"}};
       }},
      {"name with a colon",
       [](RequestHead& h) {
         h.fields = {{":path", "v"}};
       }},
      {"value with CR",
       [](RequestHead& h) {
         h.fields = {{"a", "v\r"}};
       }},
      {"value with LF",
       [](RequestHead& h) {
         h.fields = {{"a", "v\n"}};
       }},
      {"value with NUL",
       [](RequestHead& h) {
         h.fields = {{"a", std::string(1, '\0')}};
       }},
      {"line too long",
       [](RequestHead& h) {
         h.fields = {{"a", std::string(kMaxFieldLine, 'v')}};
       }},
      {"section too long",
       [](RequestHead& h) {
         h.fields = Fields(5, {"a", std::string(16000, 'v')});
       }},
      {"too many lines",
       [](RequestHead& h) {
         h.fields = Fields(kMaxFieldLines + 1, {"a", ""});
       }},
      {"forbidden trailer name", [](RequestHead& h) { h.trailer_names = {"Content-Type"}; }},
      {"empty trailer name", [](RequestHead& h) { h.trailer_names = {""}; }},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    RequestHead head = kPost;
    row.break_it(head);
    WipedBytes out;
    MessageWriter writer;
    const Status status = writer.request(head, out);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, kUnencodable);
    EXPECT_EQ(writer.content(as_bytes("x"), out).error().code, kMisuse);
    const auto known = encode_request(head, {});
    ASSERT_FALSE(known);
    EXPECT_EQ(known.error().code, kUnencodable);
  }
  for (const int status : {-1, 0, 100, 199, 600})
    EXPECT_EQ(encode_response({status, {}}, {}).error().code, kUnencodable);
  RequestHead announced = kPost;
  announced.trailer_names = {"x-refund"};
  EXPECT_EQ(encode_request(announced, {}).error().code, kUnencodable) << "known length carries no trailers";
}

TEST(MessageWriter, SplitsContentAtTheChunkLimit) {
  const std::string body(1500, 'x');
  WipedBytes out;
  MessageWriter writer({514, 0});
  ASSERT_TRUE(writer.response({200, {}}, out));
  const size_t head = out.size();
  ASSERT_TRUE(writer.content(as_bytes(body), out));
  // Two full chunks of 514, and 476 bytes behind a two-byte length.
  EXPECT_EQ(out.size() - head, 514U + 514U + 478U);
  EXPECT_EQ(to_hex(ByteView(out).subspan(head, 2)), "4200");
  EXPECT_EQ(to_hex(ByteView(out).subspan(head + 1028, 2)), "41dc");
  ASSERT_TRUE(writer.content({}, out));
  EXPECT_EQ(out.size() - head, 1506U) << "empty content writes nothing";
  ASSERT_TRUE(writer.finish({}, out));
  EXPECT_EQ(as_text(decode_whole(Kind::kResponse, out, 1500)->content), body);
}

TEST(MessageWriter, AnnouncesAndCarriesTrailers) {
  RequestHead head = kPost;
  head.trailer_names = {"x-refund", "X-Checksum", "X-Refund"};
  const Message message = *written(head, as_bytes("hi"), {{"X-Refund", "abc"}}, {514, 514});
  EXPECT_EQ(message.request->trailer_names, (std::vector<std::string>{"x-checksum", "x-refund"}));
  EXPECT_EQ(message.trailers, (Fields{{"x-checksum", ""}, {"x-refund", "abc"}}))
      << "one without a value has an empty line";
  WipedBytes out;
  MessageWriter writer;
  ASSERT_TRUE(writer.request(head, out));
  EXPECT_NE(as_text(out).find("X-Checksum,X-Refund"), std::string_view::npos);
}

TEST(MessageWriter, RefusesTrailersItDidNotAnnounce) {
  EXPECT_EQ(written(kPost, {}, {{"x-refund", "abc"}}, {514, 0}).error().code, kUnencodable);
}

TEST(MessageWriter, RefusesCallsOutOfOrder) {
  WipedBytes out;
  MessageWriter writer;
  EXPECT_EQ(writer.content(as_bytes("x"), out).error().code, kMisuse);
  ASSERT_TRUE(writer.request(kPost, out));
  EXPECT_EQ(writer.request(kPost, out).error().code, kMisuse);
  MessageWriter ended;
  ASSERT_TRUE(ended.request(kPost, out));
  ASSERT_TRUE(ended.finish({}, out));
  EXPECT_EQ(ended.finish({}, out).error().code, kMisuse);
  EXPECT_EQ(ended.content(as_bytes("x"), out).error().code, kMisuse);
  EXPECT_EQ(MessageWriter().finish({}, out).error().code, kMisuse);
}

TEST(RoundTrip, BothFramingsOfManySizesMeanTheSame) {
  for (const size_t size : {0U, 1U, 63U, 64U, 511U, 512U, 513U, 1024U, 16383U, 16384U, 100000U}) {
    SCOPED_TRACE(size);
    const std::string body(size, 'b');
    const Message known = *decode_whole(Kind::kRequest, *encode_request(kPost, as_bytes(body), 514), size);
    EXPECT_EQ(known.request->content_length, size);
    EXPECT_EQ(as_text(known.content), body);
    for (const size_t limit : {2U, 65U, 514U, 532U, 16384U}) {
      const Message chunked = *written(kPost, as_bytes(body), {}, {limit, 532});
      EXPECT_EQ(chunked.request, kPost);
      EXPECT_EQ(as_text(chunked.content), body);
      EXPECT_TRUE(chunked.indeterminate_length);
    }
  }
}

}  // namespace
}  // namespace openpcc::bhttp
