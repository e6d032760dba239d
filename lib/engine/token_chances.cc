#include "engine/token_chances.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "engine/utf8.h"

namespace openpcc::engine {

void ChanceQueue::add(const TokenChances& chances, std::string_view bytes) {
  waiting_.push_back({{chances, code_points_}, bytes_, bytes_ + bytes.size()});
  bytes_ += bytes.size();
  code_points_ += static_cast<size_t>(
      std::count_if(bytes.begin(), bytes.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

std::vector<TokenEntry> ChanceQueue::take(size_t passed) {
  std::vector<TokenEntry> out;
  for (; !waiting_.empty() && waiting_.front().end <= passed; waiting_.pop_front()) {
    out.push_back(std::move(waiting_.front().entry));
  }
  return out;
}

std::vector<TokenEntry> ChanceQueue::finish(size_t kept, bool cut) {
  std::vector<TokenEntry> out;
  for (; !waiting_.empty() && (!cut || waiting_.front().begin < kept); waiting_.pop_front()) {
    out.push_back(std::move(waiting_.front().entry));
  }
  waiting_.clear();
  return out;
}

std::string token_name(std::string_view bytes) {
  if (is_valid_utf8(bytes)) {
    return std::string(bytes);
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "bytes:";
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    out.append("\\x") += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace openpcc::engine
