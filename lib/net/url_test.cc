#include "net/url.h"

#include <gtest/gtest.h>

namespace openpcc::net {
namespace {

TEST(ParseUrl, TakesHttpAndHttps) {
  struct Row {  // NOLINT(clang-analyzer-optin.performance.Padding): in the order of a URL
    const char* text;
    bool https;
    const char* host;
    int port;
    const char* target;
    const char* authority;
  };
  const Row rows[] = {
      {"http://localhost:3600", false, "localhost", 3600, "/", "localhost:3600"},
      {"http://Example.COM", false, "example.com", 80, "/", "example.com"},
      {"HTTPS://example.com", true, "example.com", 443, "/", "example.com"},
      {"https://example.com:80/a/b?c=d&e", true, "example.com", 80, "/a/b?c=d&e", "example.com:80"},
      {"http://example.com?q", false, "example.com", 80, "/?q", "example.com"},
      {"http://127.0.0.1:1/", false, "127.0.0.1", 1, "/", "127.0.0.1:1"},
      {"http://[::1]:65535/x", false, "::1", 65535, "/x", "[::1]:65535"},
      {"http://node_1.svc/%20", false, "node_1.svc", 80, "/%20", "node_1.svc"},
  };
  for (const Row& row : rows) {
    const auto url = parse_url(row.text);
    ASSERT_TRUE(url) << row.text << ": " << url.error().message;
    EXPECT_EQ(url->https, row.https) << row.text;
    EXPECT_EQ(url->host, row.host);
    EXPECT_EQ(url->port, row.port);
    EXPECT_EQ(url->target, row.target);
    EXPECT_EQ(url->authority(), row.authority);
    EXPECT_EQ(parse_url(url->to_string()).value(), *url) << "survives a round trip";
  }
}

TEST(ParseUrl, RefusesWhatIsAmbiguousOrUseless) {
  for (const char* text : {"",
                           "localhost:3600",
                           "/path",
                           "ftp://x",
                           "http:/x",
                           "http://",
                           "http:///x",
                           "http://:80",
                           "http://x:",
                           "http://x:0",
                           "http://x:65536",
                           "http://x:+1",
                           "http://x:1x",
                           "http://user@x",
                           "http://user:pw@x/",
                           "http://x/#f",
                           "http://x y",
                           "http://x/\n",
                           "http://x\t",
                           "http://\xc3\xa4",
                           "http://[::1",
                           "http://[zz]",
                           "http://[::1]x",
                           "http://[]",
                           "http://a..b",
                           "http://.a",
                           "http://-a",
                           "http://a%41",
                           "http://x/\"",
                           "http://x/{y}",
                           "http://x\\y",
                           " http://x",
                           "file:///etc/passwd",
                           "http://x\x7f"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, kBadUrl);
  }
  EXPECT_FALSE(parse_url("http://x/" + std::string(Url::kMaxSize, 'a')));
  EXPECT_FALSE(parse_url("http://" + std::string(254, 'a')));
}

TEST(Url, OriginAndWithPath) {
  EXPECT_EQ(parse_url("https://a/x").value().origin(), "https://a:443");
  EXPECT_EQ(parse_url("http://[::1]/x").value().origin(), "http://[::1]:80");
  EXPECT_EQ(parse_url("http://a").value().with_path("/ping").to_string(), "http://a/ping");
  EXPECT_EQ(parse_url("http://a/base/?x=1").value().with_path("/ping").to_string(), "http://a/base/ping");
}

}  // namespace
}  // namespace openpcc::net
