// vector_file.h - reads the files under vectors/ (format: vectors/convert.py). For tests only.
//
// Strict, so that no vector is skipped unnoticed: a broken line, a doubled or missing key, a value nobody has read and
// a file without blocks all fail the test that reads it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace openpcc::crypto {

class VectorBlock {
 public:
  VectorBlock(std::string where, std::map<std::string, std::string> values);

  // Each fails the running test when the key is missing or the value is none of that kind.
  [[nodiscard]] std::string word(const std::string& key) const;
  [[nodiscard]] Bytes hex(const std::string& key) const;
  [[nodiscard]] size_t number(const std::string& key) const;
  [[nodiscard]] bool valid() const;  // "result", which must be "valid" or "invalid"

  [[nodiscard]] const std::string& where() const { return where_; }  // file and line, for messages
  void expect_all_read() const;

 private:
  std::string where_;
  std::map<std::string, std::string> values_;
  mutable std::set<std::string> read_;
};

[[nodiscard]] std::vector<VectorBlock> read_vector_file(const std::string& path);

// Calls `run` for each block. It must read every value of the block, "type" among them.
template <typename F>
void for_each_vector(const std::string& path, F run) {
  for (const VectorBlock& block : read_vector_file(path)) {
    run(block);
    block.expect_all_read();
  }
}

}  // namespace openpcc::crypto
