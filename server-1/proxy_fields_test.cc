#include "proxy_fields.h"

#include <gtest/gtest.h>

namespace openpcc::router {
namespace {

using net::Fields;

TEST(ProxyFields, WhatTheNodeGets) {
  const Fields from_client{{"Host", "router"},
                           {"Content-Type", "application/unheard-of"},
                           {"X-Routing-Info", "who"},
                           {"X-Credit", "money"},
                           {"x-encapsulated-key", "forged"},
                           {"X-CREDIT-AMOUNT", "999"},
                           {"X-Forwarded-For", "1.2.3.4"},
                           {"X-Forwarded-Something", "x"},
                           {"Forwarded", "for=1.2.3.4"},
                           {"Content-Length", "5"},
                           {"Expect", "100-continue"},
                           {"Connection", "keep-alive, X-Private"},
                           {"X-Private", "1"},
                           {"Transfer-Encoding", "chunked"},
                           {"Te", "trailers"},
                           {"Accept-Encoding", "gzip"},
                           {"X-Confsec-Ping", "routercom"}};
  EXPECT_EQ(fields_for_node(from_client, "key", 7), (Fields{{"Host", "router"},
                                                            {"Content-Type", "application/unheard-of"},
                                                            {"Accept-Encoding", "gzip"},
                                                            {"X-Confsec-Ping", "routercom"},
                                                            {"Te", "trailers"},
                                                            {"X-Encapsulated-Key", "key"},
                                                            {"X-Credit-Amount", "7"}}));
}

TEST(ProxyFields, WhatTheClientGets) {
  const Fields from_node{{"Content-Type", "application/confsec-chunked-res"},
                         {"Trailer", "X-Refund-Amount, X-Other"},
                         {"trailer", "X-Refund,X-More"},
                         {"x-node-id", "forged"},
                         {"Content-Length", "5"},
                         {"Connection", "close"},
                         {"Date", "today"}};
  EXPECT_EQ(fields_for_client(from_node, "id"), (Fields{{"Content-Type", "application/confsec-chunked-res"},
                                                        {"Date", "today"},
                                                        {"X-Node-ID", "id"},
                                                        {"Trailer", "X-Refund"},
                                                        {"Trailer", "X-Other, X-More"}}));
  EXPECT_EQ(fields_for_client({}, "id"), (Fields{{"X-Node-ID", "id"}, {"Trailer", "X-Refund"}}));
}

TEST(ProxyFields, Trailers) {
  const Fields from_node{{"x-refund-amount", "CgIA8A=="}, {"X-Refund", "forged"}, {"X-Other", "1"}};
  EXPECT_EQ(trailers_for_client(from_node, ""), (Fields{{"X-Other", "1"}}));
  EXPECT_EQ(trailers_for_client(from_node, "issued"), (Fields{{"X-Other", "1"}, {"X-Refund", "issued"}}));
}

}  // namespace
}  // namespace openpcc::router
