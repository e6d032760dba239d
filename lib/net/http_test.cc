#include "net/http.h"

#include <gtest/gtest.h>

#include <ctime>

namespace openpcc::net {
namespace {

TEST(Fields, FindSetRemoveIgnoreCase) {
  Fields fields{{"X-A", "1"}, {"x-a", "2"}, {"B", ""}};
  EXPECT_EQ(*find_field(fields, "x-A"), "1");
  EXPECT_EQ(field_or_empty(fields, "none"), "");
  EXPECT_EQ(find_field(fields, "none"), nullptr);
  set_field(fields, "X-a", "3");
  EXPECT_EQ(fields, (Fields{{"B", ""}, {"X-a", "3"}}));
  remove_field(fields, "b");
  EXPECT_EQ(fields, (Fields{{"X-a", "3"}}));
}

TEST(Fields, Validity) {
  EXPECT_TRUE(is_valid({"X-A_1!", "text \t \xc3\xa4"}));
  for (const Field& field : {Field{"", "x"}, Field{"a b", "x"}, Field{"a:", "x"}, Field{"a", "x\r\ny: z"},
                             Field{"a", "x\n"}, Field{"a", std::string("\0", 1)}, Field{"a", "\x7f"}}) {
    EXPECT_FALSE(is_valid(field)) << field.name << "=" << field.value;
  }
}

TEST(Fields, HopByHopIsRemoved) {
  Fields fields{
      {"Connection", "close, X-Mine"},  {"x-mine", "1"},       {"Keep-Alive", "1"},     {"Te", "gzip, trailers"},
      {"Transfer-Encoding", "chunked"}, {"Trailer", "X"},      {"Upgrade", "h2c"},      {"Proxy-Connection", "x"},
      {"Proxy-Authorization", "x"},     {"Content-Type", "t"}, {"Connection", "x-two"}, {"X-Two", "2"}};
  remove_hop_by_hop(fields);
  EXPECT_EQ(fields, (Fields{{"Content-Type", "t"}, {"Te", "trailers"}}));
  Fields plain{{"Te", "gzip"}, {"A", "b"}};
  remove_hop_by_hop(plain);
  EXPECT_EQ(plain, (Fields{{"A", "b"}}));
}

TEST(Fields, HopByHopTakesNoQuadraticTime) {
  std::string many;
  for (int i = 0; i < 60000; ++i) many += "a,";
  Fields hostile(60000, {"b", "x"});
  hostile.push_back({"Connection", many + "B"});
  const std::clock_t begin = std::clock();
  remove_hop_by_hop(hostile);
  EXPECT_LT(std::clock() - begin, CLOCKS_PER_SEC) << "each name listed was compared with each field";
  EXPECT_TRUE(hostile.empty());
}

}  // namespace
}  // namespace openpcc::net
