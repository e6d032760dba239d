#include "net/message_io.h"

#include <gtest/gtest.h>

namespace openpcc::net {
namespace {

TEST(MessageIo, WritesHeads) {
  std::string out;
  ASSERT_TRUE(append_head(out, "GET / HTTP/1.1\r\nHost: a", {{"X", "1"}, {"x", ""}}));
  EXPECT_EQ(out, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nx: \r\n\r\n");
  EXPECT_EQ(append_head(out, "", {{"X", "a\r\nInjected: b"}}).error().code, kBadField);
}

// A proxy that hands on what it received must not frame a message twice.
TEST(MessageIo, FramesAMessageOnce) {
  const Fields received{{"content-length", "7"}, {"A", "b"}, {"TRANSFER-ENCODING", "gzip"}, {"Content-Length", "8"}};
  std::string head;
  ASSERT_TRUE(append_head(head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", received));
  EXPECT_EQ(head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n");
  std::string last;
  ASSERT_TRUE(append_last_chunk(last, received));
  EXPECT_EQ(last, "0\r\nA: b\r\n\r\n");
}

}  // namespace
}  // namespace openpcc::net
