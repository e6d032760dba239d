#include <gtest/gtest.h>

#include "bhttp/encoder.h"
#include "inspect/test_support.h"

namespace openpcc::inspect {
namespace {

std::string text_of(const Part& part) {
  return std::get<std::string>(part.value);
}

const bhttp::RequestHead kHead{"POST", "https", "node.invalid", "/v1/chat", {{"content-type", "text/plain"}}};

TEST(BinaryHttp, KnownLengthRequest) {
  const WipedBytes message = *bhttp::encode_request(kHead, as_bytes("hello"), 64);
  const Bytes bytes(message.begin(), message.end());
  const Report report = inspect(Kind::kBhttp, bytes);
  ASSERT_TRUE(report.problems.empty());
  EXPECT_EQ(fault_of(report, bytes.size()), "");
  const Part& root = report.root;
  EXPECT_EQ(text_of(*root.find("message")), "request");
  EXPECT_FALSE(std::get<bool>(root.find("indeterminate_length")->value));
  EXPECT_EQ(text_of(*root.find("method")), "POST");
  EXPECT_EQ(root.find("method")->at, 2U);
  EXPECT_EQ(text_of(*root.find("path")), "/v1/chat");
  ASSERT_EQ(root.find("fields")->parts.size(), 2U);
  EXPECT_EQ(text_of(*root.find("fields")->parts[0].find("name")), "content-length");
  EXPECT_EQ(text_of(*root.find("fields")->parts[1].find("value")), "text/plain");
  EXPECT_EQ(text_of(*root.find("content_text")), "hello");
  EXPECT_EQ(root.find("content")->at + root.find("content")->size, root.find("trailers")->at - 1);
  EXPECT_GT(std::get<uint64_t>(root.find("padding")->value), 0U);
}

TEST(BinaryHttp, IndeterminateResponseWithTrailers) {
  WipedBytes message;
  bhttp::MessageWriter writer({.chunk_limit = 4, .pad_multiple = 0});
  ASSERT_TRUE(writer.response({200, {{"a", "b"}}, {"x-refund-amount"}}, message));
  ASSERT_TRUE(writer.content(as_bytes("hello"), message));
  ASSERT_TRUE(writer.finish({{"x-refund-amount", "CgIAcA=="}}, message));
  const Report report = inspect(Kind::kBhttp, message);
  ASSERT_TRUE(report.problems.empty());
  const Part& root = report.root;
  EXPECT_EQ(std::get<uint64_t>(root.find("status")->value), 200U);
  ASSERT_EQ(root.find("content_chunks")->parts.size(), 2U);
  EXPECT_EQ(std::get<uint64_t>(root.find("content_chunks")->parts[1].value), 2U);
  EXPECT_EQ(std::get<Bytes>(root.find("content")->value), to_bytes(as_bytes("hello")));
  EXPECT_EQ(text_of(*root.find("trailers")->parts.at(0).find("value")), "CgIAcA==");
}

TEST(BinaryHttp, InformationalResponsesStandApart) {
  const Bytes bytes = *from_hex("014064010161016240c8000000");  // 100 with a field, then 200 without content
  const Report report = inspect(Kind::kBhttp, bytes);
  ASSERT_FALSE(report.problems.empty()) << "its section length is wrong";
  const Bytes good = *from_hex(
      "0140640401610162"
      "40c8000000");
  const Report other = inspect(Kind::kBhttp, good);
  ASSERT_TRUE(other.problems.empty()) << other.problems[0].rule;
  ASSERT_EQ(other.root.find("informational")->parts.size(), 1U);
  EXPECT_EQ(std::get<uint64_t>(other.root.find("status")->value), 200U);
}

TEST(BinaryHttp, AFaultIsAtItsByteAndInItsPart) {
  struct Fault {
    const char* name;
    const char* hex;
    size_t at;
    const char* part;
    const char* rule;
  };
  const Fault faults[] = {
      {"framing 4", "04", 0, "framing", "0 to 3"},
      {"a blank in the method", "0003472054056874747073", 2, "method", "not a token"},
      {"an empty name", "00034745540568747470730161012f02000000", 16, "fields[0].name", "name is empty"},
      {"LF in a value", "00034745540568747470730161012f040161010a0000", 19, "fields[0].value", "no field value"},
      {"a line past its section", "00034745540568747470730161012f03016105", 18, "fields[0].value", "past the end"},
      {"status 600", "014258", 1, "status", "above 599"},
      {"cut inside the method", "00034745", 4, "method", "end inside the control data"},
      {"padding that is not zero", "0140c80000000001", 7, "", "padding"},
      {"nothing", "", 0, "framing", "end inside the framing"},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    const Bytes bytes = *from_hex(fault.hex);
    const Report report = inspect(Kind::kBhttp, bytes);
    ASSERT_EQ(report.problems.size(), 1U);
    EXPECT_EQ(report.problems[0].at, fault.at);
    EXPECT_EQ(report.problems[0].part, fault.part);
    EXPECT_NE(report.problems[0].rule.find(fault.rule), std::string::npos) << report.problems[0].rule;
    EXPECT_EQ(report.problems[0].rule.find("at byte"), std::string::npos);
    EXPECT_EQ(fault_of(report, bytes.size()), "");
  }
}

}  // namespace
}  // namespace openpcc::inspect
