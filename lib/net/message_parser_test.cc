#include "net/message_parser.h"

#include <gtest/gtest.h>

namespace openpcc::net {
namespace {

struct Parsed {
  RequestHead request;
  ResponseHead response;
  std::string body;
  Fields trailers;
  std::string behind;  // what stands behind the message
  bool keep_alive = false;
};

// Feeds `text` in pieces of `step` bytes; bytes that are not consumed are given again, with more behind them.
Result<Parsed> parse(MessageParser parser, std::string_view text, size_t step, bool close_at_end) {
  Parsed out;
  Bytes pending;
  size_t given = 0;
  while (!parser.done()) {
    if (given < text.size()) {
      const auto piece = as_bytes(text.substr(given, step));
      given += piece.size();
      append(pending, piece);
    } else {
      if (!close_at_end) return fail({"test.incomplete"}, "more bytes needed");
      OPENPCC_TRY_STATUS(parser.end_of_input());
      break;
    }
    while (true) {
      OPENPCC_TRY(const auto progress, parser.feed(pending));
      out.body += as_text(progress.body);
      pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(progress.consumed));
      if (progress.consumed == 0 || parser.done()) break;
    }
  }
  out.behind = std::string(as_text(pending)) + std::string(text.substr(given));
  out.request = parser.request_head();
  out.response = parser.response_head();
  out.trailers = parser.trailers();
  out.keep_alive = parser.keep_alive();
  return out;
}

Result<Parsed> parse_request(std::string_view text, size_t step = 1000000, bool close_at_end = true) {
  return parse(MessageParser::request({}), text, step, close_at_end);
}
Result<Parsed> parse_response(std::string_view text, size_t step = 1000000, bool close_at_end = true) {
  return parse(MessageParser::response({}), text, step, close_at_end);
}

constexpr std::string_view kChunked =
    "POST /x?y=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
    "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-T: one\r\nHost: b\r\n\r\n";
constexpr std::string_view kLength = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

TEST(MessageParser, ChunkedWithTrailersAtEverySplit) {
  for (size_t step = 1; step <= kChunked.size(); ++step) {
    const auto got = parse_request(std::string(kChunked) + "GET /next", step);
    ASSERT_TRUE(got) << step << ": " << got.error().message;
    EXPECT_EQ(got->request.method, "POST");
    EXPECT_EQ(got->request.target, "/x?y=1");
    EXPECT_EQ(got->request.fields.size(), 3u) << "trailers are not among them";
    EXPECT_EQ(got->body, "hello world");
    EXPECT_EQ(got->trailers, (Fields{{"X-T", "one"}, {"Host", "b"}}));
    EXPECT_EQ(got->behind, "GET /next");
    EXPECT_TRUE(got->keep_alive);
  }
}

TEST(MessageParser, AnEmptyChunkedBodyAtEverySplit) {
  for (const std::string_view last : {"0\r\n\r\n", "0;x=y\r\n\r\n", "000\r\nX: y\r\n\r\n"}) {
    const std::string text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(last);
    for (size_t step = 1; step <= text.size(); ++step) {
      const auto got = parse_request(text + "GET", step);
      ASSERT_TRUE(got) << step << ": " << got.error().message;
      EXPECT_EQ(got->body, "");
      EXPECT_EQ(got->behind, "GET");
      if (step < text.size()) {
        EXPECT_EQ(parse_request(text.substr(0, step), 1).error().code, kCutOff);
      }
    }
  }
}

TEST(MessageParser, EveryTruncationIsAnErrorAndNeverACleanEnd) {
  for (const auto text : {kChunked, kLength}) {
    for (size_t n = 0; n < text.size(); ++n) {
      const auto got = parse_request(text.substr(0, n), 7);
      ASSERT_FALSE(got) << n;
      EXPECT_EQ(got.error().code, kCutOff) << n;
    }
    EXPECT_TRUE(parse_request(text, 7));
  }
}

TEST(MessageParser, ResponsesEndAsTheirHeadSays) {
  const auto length = parse_response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP");
  EXPECT_EQ(length->response.status, 200);
  EXPECT_EQ(length->body, "ok");
  EXPECT_EQ(length->behind, "HTTP");
  EXPECT_EQ(parse_response("HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\nrest")->behind, "rest");
  EXPECT_EQ(parse_response("HTTP/1.1 304 \r\n\r\nrest")->behind, "rest");
  const auto until_close = parse_response("HTTP/1.0 200 OK\r\n\r\nall of it");
  ASSERT_TRUE(until_close);
  EXPECT_EQ(until_close->body, "all of it");
  EXPECT_EQ(parse_response("HTTP/1.0 200 OK\r\n\r\nall", 1, false).error().code.name, "test.incomplete");
  const auto head =
      parse(MessageParser::response({}, true), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnext", 5, true);
  EXPECT_EQ(head->behind, "next");
}

TEST(MessageParser, RefusesWhatCouldBeReadInTwoWays) {
  const std::string_view rows[] = {
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n \r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a/@b\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n",
      "POST / HTTP/1.1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
      "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\nHost: a\n\n\r\n\r\n",
      "GET /\r\n\r\n",
      "G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: a\001b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  // a TLS hello
  };
  for (const auto text : rows) {
    for (const size_t step : {size_t{1}, size_t{1000}}) {
      const auto got = parse_request(text, step);
      ASSERT_FALSE(got) << text;
      EXPECT_EQ(got.error().code, kBadHttp) << text << ": " << got.error().message;
    }
  }
}

TEST(MessageParser, RefusesResponsesThatCouldBeReadInTwoWays) {
  for (const char* fields : {"Content-Length: 2, 2\r\n", "Content-Length: 2\r\nContent-Length: 2\r\n",
                             "X: y\r\n Content-Length: 2\r\n", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"}) {
    const auto got = parse_response("HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\nok");
    ASSERT_FALSE(got) << fields;
    EXPECT_EQ(got.error().code, kBadHttp) << fields;
  }
}

TEST(MessageParser, RefusesBadChunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* body :
       {"x\r\n", "-5\r\nhello\r\n", "\r\n", "5hello\r\n", "5\r\nhelloX\r\n", "5\r\nhello\n0\r\n\r\n",
        "11111111111111111\r\nx", "5;\x01\r\nhello\r\n", "0x5\r\nhello\r\n", "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
        "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n", "5\r\nhello\r\n0\r\nbad line\r\n\r\n"}) {
    for (const size_t step : {size_t{1}, size_t{1000}}) {
      const auto got = parse_request(head + body + "\r\n\r\n", step);
      ASSERT_FALSE(got) << body;
      EXPECT_EQ(got.error().code, kBadHttp) << body << ": " << got.error().message;
    }
  }
}

TEST(MessageParser, LimitsHeadAndTrailersHoweverTheyArrive) {
  const std::string start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n";
  std::string many;
  for (int i = 0; i < 300; ++i) many += "A: b\r\n";
  const std::string large = "A: " + std::string(70000, 'b') + "\r\n";
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "A: " + std::string(1000, 'b') + "\r\n";
  for (const std::string& fields : {many, large, lines}) {
    for (const size_t step : {size_t{1000}, size_t{1} << 20}) {
      EXPECT_EQ(parse_request(start + fields + "\r\n", step).error().code, kTooLarge);
      EXPECT_EQ(parse_request(start + "\r\n0\r\n" + fields + "\r\n", step).error().code, kTooLarge);
    }
  }
  EXPECT_EQ(parse_request("GET /" + std::string(70000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n").error().code, kTooLarge);
}

TEST(MessageParser, IsDeadAfterAnError) {
  auto parser = MessageParser::request({});
  EXPECT_FALSE(parser.feed(as_bytes("NOT HTTP\r\n\r\n")));
  EXPECT_EQ(parser.feed(as_bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).error().code, kBadHttp);
  EXPECT_EQ(parser.end_of_input().error().code, kBadHttp);
}

TEST(MessageParser, KeepAliveFollowsVersionAndConnection) {
  EXPECT_TRUE(parse_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->keep_alive);
  EXPECT_FALSE(parse_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")->keep_alive);
  EXPECT_FALSE(parse_request("GET / HTTP/1.0\r\n\r\n")->keep_alive);
}

}  // namespace
}  // namespace openpcc::net
