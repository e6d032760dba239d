// Every rule by which the decoder refuses a message: one row, one fault, one code, one byte.
#include <gtest/gtest.h>

#include "base/varint.h"
#include "bhttp/test_support.h"

namespace openpcc::bhttp {
namespace {

std::string number(uint64_t value) {
  Bytes out;
  append_varint(out, value);
  return std::string(as_text(out));
}
std::string text(std::string_view value) {
  return number(value.size()) + std::string(value);
}
std::string line(std::string_view name, std::string_view value) {
  return text(name) + text(value);
}
std::string zeros(size_t count) {
  return std::string(count, '\0');
}

// "GET http h /", 14 bytes with the framing indicator.
std::string control(char framing) {
  return std::string(1, framing) + text("GET") + text("http") + text("h") + text("/");
}
std::string known(std::string_view lines, std::string_view rest = std::string_view("\0\0", 2)) {
  return control(0) + text(lines) + std::string(rest);
}
std::string indeterminate(std::string_view lines, std::string_view rest = std::string_view("\0\0\0", 3)) {
  return control(2) + std::string(lines) + std::string(rest);
}
constexpr uint64_t kKnownLines = 15;          // where known()'s first line begins
constexpr uint64_t kIndeterminateLines = 14;  // where indeterminate()'s does

struct Row {
  const char* name;
  std::string bytes;
  ErrorCode code;
  uint64_t at;
  Kind kind = Kind::kAny;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const Outcome outcome = decode(row.kind, as_bytes(row.bytes));
    EXPECT_TRUE(outcome.error);
    if (!outcome.error) continue;
    EXPECT_EQ(outcome.error->code.name, row.code.name) << outcome.error->message;
    EXPECT_EQ(outcome.failed_at, row.at) << outcome.error->message;
    EXPECT_TRUE(outcome.error->message.starts_with("at byte " + std::to_string(row.at) + ": "));
    EXPECT_EQ(decode(row.kind, as_bytes(row.bytes), 1, 1), outcome) << "byte by byte";
  }
}

TEST(Refuses, NothingOfTheGoodMessagesTheRowsAreMadeOf) {
  for (const std::string& good : {known(""), known(line("a", "b")), indeterminate(""), indeterminate(line("a", "b")),
                                  known(line(":odd", "x") + line("a", "b")), control(0) + zeros(1)}) {
    const Outcome outcome = decode(Kind::kRequest, as_bytes(good));
    EXPECT_FALSE(outcome.error) << outcome.error->message;
  }
}

TEST(Refuses, Framing) {
  check({{"no bytes", "", kTruncated, 0},
         {"indicator 4", number(4), kMalformed, 0},
         {"indicator of eight bytes", number(kVarintMax), kMalformed, 0},
         {"response for a request", std::string("\1\x40\xc8\0", 4), kMalformed, 0, Kind::kRequest},
         {"request for a response", known(""), kMalformed, 0, Kind::kResponse}});
}

TEST(Refuses, ControlData) {
  const auto request = [](std::string_view method, std::string_view scheme, std::string_view host,
                          std::string_view path) {
    return zeros(1) + text(method) + text(scheme) + text(host) + text(path) + zeros(3);
  };
  check({{"empty method", request("", "http", "h", "/"), kMalformed, 2},
         {"method with a space", request("G T", "http", "h", "/"), kMalformed, 2},
         {"long method", request(std::string(65, 'G'), "http", "h", "/"), kTooLarge, 1},
         {"scheme with a colon", request("GET", "http:", "h", "/"), kMalformed, 6},
         {"long scheme", request("GET", std::string(65, 'h'), "h", "/"), kTooLarge, 5},
         {"authority with a slash", request("GET", "http", "a/b", "/"), kMalformed, 11},
         {"authority with user data", request("GET", "http", "a@b", "/"), kMalformed, 11},
         {"long authority", request("GET", "http", std::string(257, 'h'), "/"), kTooLarge, 10},
         {"empty path", request("GET", "http", "h", ""), kMalformed, 13},
         {"path without a slash", request("GET", "http", "h", "v1"), kMalformed, 13},
         {"path with a line feed", request("GET", "http", "h", "/\n"), kMalformed, 13},
         {"path with NUL", request("GET", "http", "h", std::string("/\0", 2)), kMalformed, 13},
         {"path with half an escape", request("GET", "http", "h", "/%4"), kMalformed, 13},
         {"URI without a scheme", request("GET", "http", "h", "://h/"), kMalformed, 13},
         {"long path", request("GET", "http", "h", "/" + std::string(4096, 'a')), kTooLarge, 12},
         {"CONNECT with a path", request("CONNECT", "", "h:1", "/"), kMalformed, 15},
         {"CONNECT without a host", request("CONNECT", "", "", ""), kMalformed, 13}});
}

TEST(Refuses, Status) {
  std::string many = number(1);
  for (size_t i = 0; i <= kMaxInformational; ++i) many += number(103) + zeros(1);
  check({{"status 600", number(1) + number(600) + zeros(3), kMalformed, 1},
         {"status of eight bytes", number(1) + number(kVarintMax), kMalformed, 1},
         {"too many informational responses", many, kTooLarge, 1 + 3 * kMaxInformational},
         {"informational and nothing else", number(1) + number(103) + zeros(1), kTruncated, 4}});
}

TEST(Refuses, FieldNamesAndValues) {
  for (const bool is_known : {true, false}) {
    SCOPED_TRACE(is_known);
    const auto message = [&](const std::string& lines) { return is_known ? known(lines) : indeterminate(lines); };
    const uint64_t at = is_known ? kKnownLines : kIndeterminateLines;
    check({{"name with a space", message(line("a b", "v")), kMalformed, at + 2},
           {"name that begins with a blank", message(line("a", "v") + line(" b", "v")), kMalformed, at + 5},
           {"name with a tab", message(line("a\tb", "v")), kMalformed, at + 2},
           {"name with a colon inside", message(line("x:a", "v")), kMalformed, at + 2},
           {"name with a line feed", message(line("a\n", "v")), kMalformed, at + 2},
           {"name with NUL", message(line(zeros(1), "v")), kMalformed, at + 1},
           {"name above ASCII", message(line("\xc3\xa9", "v")), kMalformed, at + 1},
           {"value with CR", message(line("a", "v\r")), kMalformed, at + 4},
           {"value with LF", message(line("a", "v\nx: y")), kMalformed, at + 4},
           {"value with NUL", message(line("a", zeros(1))), kMalformed, at + 3},
           {"value with DEL", message(line("a", "\x7f")), kMalformed, at + 3},
           {"value with ESC", message(line("a", "\x1b[0m")), kMalformed, at + 3},
           {"lone colon", message(line(":", "v")), kMalformed, at + 1},
           {"colon and upper case", message(line(":Odd", "v")), kMalformed, at + 1},
           {":method", message(line(":method", "GET")), kMalformed, at + 1},
           {":scheme", message(line(":scheme", "x")), kMalformed, at + 1},
           {":authority", message(line(":authority", "x")), kMalformed, at + 1},
           {":path", message(line(":path", "x")), kMalformed, at + 1},
           {":status", message(line(":status", "200")), kMalformed, at + 1},
           {"pseudo-field after a field", message(line("a", "v") + line(":odd", "v")), kMalformed, at + 5}});
  }
}

TEST(Refuses, FieldsThatContradict) {
  check({{"two hosts", known(line("host", "h") + line("host", "h")), kMalformed, kKnownLines + 8},
         {"host unlike the authority", known(line("host", "x")), kMalformed, kKnownLines + 6},
         {"empty host beside an authority", known(line("host", "")), kMalformed, kKnownLines + 6},
         {"host that is none", known(line("host", "a/b")), kMalformed, kKnownLines + 6},
         {"content-length that is no number", known(line("content-length", "1x")), kMalformed, kKnownLines + 16},
         {"empty content-length", known(line("content-length", "")), kMalformed, kKnownLines + 16},
         {"negative content-length", known(line("content-length", "-1")), kMalformed, kKnownLines + 16},
         {"content-length of minus zero", known(line("content-length", "-0")), kMalformed, kKnownLines + 16},
         {"content-length beyond 63 bits", known(line("content-length", "9223372036854775808")), kMalformed,
          kKnownLines + 16},
         {"trailer field without a name", known(line("trailer", "")), kMalformed, kKnownLines + 9},
         {"trailer field with an empty name", known(line("trailer", "x,,y")), kMalformed, kKnownLines + 9},
         {"trailer field with a forbidden name", known(line("trailer", "x, Host")), kMalformed, kKnownLines + 9}});
}

TEST(Refuses, SectionLengthsThatLie) {
  const std::string two = line("a", "b");  // 4 bytes
  check({{"empty name in a known-length section", control(0) + text(zeros(1)), kMalformed, 15},
         {"name beyond the section", control(0) + number(2) + text("ab"), kMalformed, 15},
         {"section ends behind a name", control(0) + number(2) + text("a") + zeros(2), kMalformed, 17},
         {"value beyond the section", control(0) + number(4) + text("a") + text("bcd"), kMalformed, 17},
         {"length of a value across the end", control(0) + number(3) + text("a") + number(64), kMalformed, 17},
         {"section longer than the message", control(0) + number(5) + two, kTruncated, 19},
         {"section shorter than its lines", control(0) + number(3) + two, kMalformed, 17}});
}

TEST(Refuses, WhatIsBeyondTheCaps) {
  const std::string largest = line("a", std::string(kMaxFieldLine - 4, 'v'));  // 1 + 1 + 2 + value
  ASSERT_EQ(largest.size(), kMaxFieldLine);
  EXPECT_FALSE(decode(Kind::kRequest, as_bytes(known(largest))).error);
  EXPECT_FALSE(decode(Kind::kRequest, as_bytes(indeterminate(largest + largest))).error);
  std::string lines;
  for (size_t i = 0; i < kMaxFieldLines; ++i) lines += line("a", "");
  EXPECT_FALSE(decode(Kind::kRequest, as_bytes(indeterminate(lines))).error);
  const std::string four = largest + largest + largest + largest;  // exactly kMaxSections
  EXPECT_FALSE(decode(Kind::kRequest, as_bytes(known(four))).error);
  EXPECT_FALSE(decode(Kind::kRequest, as_bytes(indeterminate(four))).error);
  std::string informational = number(3) + number(103) + four + zeros(1) + number(200) + line("a", "");
  std::string names = "x0";  // their number is squared in the work
  for (size_t i = 1; i < kMaxTrailerNames; ++i) names += ",x" + std::to_string(i) + ",x0";
  EXPECT_FALSE(decode(Kind::kRequest, as_bytes(known(line("trailer", names)))).error);
  check({{"too many trailers announced", indeterminate(line("trailer", names + ",y")), kTooLarge, 14 + 1 + 7 + 2},
         {"line one byte too long", known(line("a", std::string(kMaxFieldLine - 3, 'v'))), kTooLarge, 14 + 4 + 2},
         {"name that fills a line", indeterminate(text(std::string(kMaxFieldLine - 2, 'n')) + number(1)), kTooLarge,
          14 + kMaxFieldLine},
         {"value of eight bytes' length", indeterminate(text("a") + number(kVarintMax)), kTooLarge, 16},
         {"name of eight bytes' length", indeterminate(number(kVarintMax)), kTooLarge, 14},
         {"known section too long", control(0) + number(kMaxSections + 1), kTooLarge, 14},
         {"known section of eight bytes' length", control(0) + number(kVarintMax), kTooLarge, 14},
         {"indeterminate sections too long", indeterminate(four + line("a", "")), kTooLarge, 14 + kMaxSections},
         {"informational sections count", informational, kTooLarge, 1 + 2 + kMaxSections + 1 + 2},
         {"too many lines", indeterminate(lines + line("a", "")), kTooLarge, 14 + 3 * kMaxFieldLines}});
}

TEST(Refuses, Trailers) {
  const std::string head = indeterminate(line("trailer", "x"), zeros(2));  // 26 bytes, then trailer lines
  const uint64_t at = 27;                                                  // the first name, behind its length
  std::vector<Row> rows{{"pseudo-field", head + line(":odd", "v") + zeros(1), kMalformed, at},
                        {"value with LF", head + line("x", "\n") + zeros(1), kMalformed, at + 2},
                        {"no terminator", head + line("x", "v"), kTruncated, at + 3}};
  for (const char* name : {"content-length",
                           "content-type",
                           "content-encoding",
                           "content-range",
                           "transfer-encoding",
                           "trailer",
                           "host",
                           "te",
                           "connection",
                           "authorization",
                           "cache-control",
                           "expect",
                           "keep-alive",
                           "max-forwards",
                           "pragma",
                           "range",
                           "realm",
                           "www-authenticate",
                           "proxy-connection",
                           "if-match"}) {
    rows.push_back({name, head + line(name, "v") + zeros(1), kMalformed, at});
  }
  rows.push_back({"upper case", head + line("Content-Type", "v") + zeros(1), kMalformed, at});
  ASSERT_EQ(head.size(), at - 1);
  check(rows);
}

TEST(Refuses, ContentThatIsCutShort) {
  check({{"known, one byte short", known("", text("abc").substr(0, 3)), kTruncated, 18},
         {"known, eight bytes' length", known("", number(kVarintMax) + "x"), kTruncated, 24},
         {"inside a length", known("", std::string("\x40", 1)), kTruncated, 16},
         {"inside a chunk", indeterminate("", zeros(1) + text("abc").substr(0, 3)), kTruncated, 18},
         {"between chunks", indeterminate("", zeros(1) + text("abc")), kTruncated, 19},
         {"inside the control data", control(0).substr(0, 13), kTruncated, 13},
         {"before the header section", control(0), kTruncated, 14},
         {"before the end of the header section", control(2), kTruncated, 14},
         {"inside the length of the trailers", known("", zeros(1) + "\x40"), kTruncated, 17}});
}

TEST(Refuses, PaddingThatIsNotZero) {
  check({{"known", known("") + zeros(10) + "\1" + zeros(3), kBadPadding, 17 + 10},
         {"at once", known("") + "x", kBadPadding, 17},
         {"indeterminate", indeterminate("") + zeros(1) + "\xff", kBadPadding, 18},
         {"a second message", known("") + known(""), kBadPadding, 17 + 1}});
}

}  // namespace
}  // namespace openpcc::bhttp
