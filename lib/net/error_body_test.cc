#include "net/error_body.h"

#include <gtest/gtest.h>

namespace openpcc::net {
namespace {

TEST(ErrorBody, WritesTheOfficialForms) {
  const Reply protobuf = protobuf_error(400, "unprocessable credit");
  EXPECT_EQ(protobuf.content_type, "application/octet-stream");
  EXPECT_EQ(protobuf.body, "\x0a\x14unprocessable credit");
  EXPECT_EQ(protobuf_error(400, std::string(200, 'x')).body.substr(0, 3), "\x0a\xc8\x01");
  EXPECT_EQ(json_error(404, "a \"b\"").body, "{\"error\":\"a \\\"b\\\"\"}");
  EXPECT_EQ(text_error(502, "Proxy error").body, "Proxy error\n");
}

TEST(ErrorBody, ReadsThem) {
  for (const auto& reply : {protobuf_error(400, "why"), json_error(400, "why"), text_error(400, "why")}) {
    EXPECT_EQ(error_message(reply.content_type, as_bytes(reply.body)), "why") << reply.content_type;
  }
  EXPECT_EQ(error_message("", as_bytes("plain\x1b[31m\n")), "plain [31m");
  EXPECT_EQ(error_message("", as_bytes("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80.")),
            "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80.");
  for (const char* acting : {"\xc2\x9b", "\x9b", "\xe2\x80\xae", "\xe2\x81\xa7", "\xe2\x80\xa8", "\xd8\x9c", "\xc0\x9b",
                             "\xe0\x82\x9b", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xe2\x82", "\xc3"}) {
    const std::string shown = error_message("", as_bytes("a" + std::string(acting) + "31mb"));
    EXPECT_TRUE(shown.starts_with("a ") && shown.ends_with(" 31mb")) << shown;
    for (const char c : shown) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << shown;
  }
  for (const char* broken : {"\x0a", "\x0a\x05shor", "\x0a\x02long", "\x12\x01x", "\x0a\xff\xff\xff\xff\xff"}) {
    EXPECT_EQ(error_message("application/octet-stream", as_bytes(broken)), "");
  }
  for (const char* broken : {"", "{", "[]", "{\"error\":5}", "{\"x\":\"y\"}"}) {
    EXPECT_EQ(error_message("application/json", as_bytes(broken)), "");
  }
  EXPECT_EQ(error_message("text/plain", as_bytes(std::string(10000, 'x'))).size(), 4096u);
}

}  // namespace
}  // namespace openpcc::net
