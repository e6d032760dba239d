#include "crypto/vector_file.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace openpcc::crypto {
namespace {

std::string file_with(const std::string& content) {
  const std::string path = testing::TempDir() + "openpcc_vector_file_test.txt";
  std::ofstream(path) << content;
  return path;
}

TEST(VectorFile, ReadsBlocksWordsNumbersAndEmptyValues) {
  const auto blocks = read_vector_file(file_with("# note\n\ntype = a\nn = 12\nx = 00ff\n\ntype = b\nx =\n"));
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[0].word("type"), "a");
  EXPECT_EQ(blocks[0].number("n"), 12U);
  EXPECT_EQ(blocks[0].hex("x"), (Bytes{0x00, 0xff}));
  EXPECT_EQ(blocks[1].hex("x"), Bytes{});
}

TEST(VectorFile, FailsOnWhatWouldSkipAVector) {
  EXPECT_NONFATAL_FAILURE((void)read_vector_file(file_with("# nothing\n")), "holds no vector");
  EXPECT_NONFATAL_FAILURE((void)read_vector_file(file_with("type = a\nrubbish\n")), "not 'key = value'");
  EXPECT_NONFATAL_FAILURE((void)read_vector_file(file_with("x = 1\nx = 2\n")), "key given twice");
  EXPECT_NONFATAL_FAILURE(for_each_vector(file_with("x = 1\n"), [](const VectorBlock&) {}), "'x' not read");
  EXPECT_NONFATAL_FAILURE(
      for_each_vector(file_with("x = 1\n"), [](const VectorBlock& b) { EXPECT_EQ(b.word("x") + b.word("y"), "1"); }),
      "no 'y'");
}

}  // namespace
}  // namespace openpcc::crypto
