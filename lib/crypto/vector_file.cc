#include "crypto/vector_file.h"

#include <gtest/gtest.h>

#include <fstream>

namespace openpcc::crypto {

VectorBlock::VectorBlock(std::string where, std::map<std::string, std::string> values)
    : where_(std::move(where)), values_(std::move(values)) {}

std::string VectorBlock::word(const std::string& key) const {
  read_.insert(key);
  const auto found = values_.find(key);
  if (found == values_.end()) {
    ADD_FAILURE() << where_ << ": no '" << key << "'";
    return {};
  }
  return found->second;
}

Bytes VectorBlock::hex(const std::string& key) const {
  auto bytes = from_hex(word(key));
  if (!bytes) {
    ADD_FAILURE() << where_ << ": '" << key << "' is not hexadecimal";
    return {};
  }
  return *bytes;
}

size_t VectorBlock::number(const std::string& key) const {
  const std::string text = word(key);
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos) {
    ADD_FAILURE() << where_ << ": '" << key << "' is not a number";
    return 0;
  }
  return std::stoul(text);
}

bool VectorBlock::valid() const {
  const std::string text = word("result");
  EXPECT_TRUE(text == "valid" || text == "invalid") << where_ << ": unknown result '" << text << "'";
  return text == "valid";
}

void VectorBlock::expect_all_read() const {
  for (const auto& [key, value] : values_) EXPECT_TRUE(read_.contains(key)) << where_ << ": '" << key << "' not read";
}

std::vector<VectorBlock> read_vector_file(const std::string& path) {
  std::vector<VectorBlock> blocks;
  std::ifstream in(path);
  EXPECT_TRUE(in.is_open()) << "cannot open " << path;
  std::map<std::string, std::string> values;
  std::string line;
  size_t number = 0;
  size_t start = 0;
  const auto end_block = [&] {
    if (!values.empty()) blocks.emplace_back(path + ":" + std::to_string(start), std::move(values));
    values.clear();
  };
  while (std::getline(in, line)) {
    ++number;
    if (line.starts_with("#")) continue;
    if (line.empty()) {
      end_block();
      continue;
    }
    if (values.empty()) start = number;
    const size_t equals = line.find(" =");
    if (equals == std::string::npos || equals == 0) {
      ADD_FAILURE() << path << ":" << number << ": not 'key = value'";
      continue;
    }
    const std::string value = line.size() > equals + 3 ? line.substr(equals + 3) : "";
    EXPECT_TRUE(values.emplace(line.substr(0, equals), value).second) << path << ":" << number << ": key given twice";
  }
  end_block();
  EXPECT_FALSE(blocks.empty()) << path << " holds no vector";
  return blocks;
}

}  // namespace openpcc::crypto
