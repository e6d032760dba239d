#include "base/uuid.h"

namespace openpcc {

namespace {

constexpr size_t kTextSize = 36;
constexpr bool is_dash(size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

}  // namespace

Result<UuidV7> UuidV7::generate(uint64_t unix_ms, const RandomSource& random) {
  UuidV7 uuid;
  OPENPCC_TRY_STATUS(random(MutableByteView(uuid.bytes_).subspan(6)));
  for (size_t i = 0; i < 6; ++i) uuid.bytes_[i] = static_cast<uint8_t>((unix_ms >> (8 * (5 - i))) & 0xff);
  uuid.bytes_[6] = static_cast<uint8_t>((uuid.bytes_[6] & 0x0f) | 0x70);
  uuid.bytes_[8] = static_cast<uint8_t>((uuid.bytes_[8] & 0x3f) | 0x80);
  return uuid;
}

Result<UuidV7> UuidV7::parse(std::string_view text) {
  if (text.size() != kTextSize) return fail(kBadUuid, "a UUID has 36 characters, not " + std::to_string(text.size()));
  std::string digits;
  digits.reserve(32);
  for (size_t i = 0; i < kTextSize; ++i) {
    if (!is_dash(i)) {
      digits.push_back(text[i]);
    } else if (text[i] != '-') {
      return fail(kBadUuid, "no '-' at position " + std::to_string(i));
    }
  }
  const auto bytes = from_hex(digits);
  if (!bytes) return fail(kBadUuid, "a character that is no hex digit");
  UuidV7 uuid;
  std::copy(bytes->begin(), bytes->end(), uuid.bytes_.begin());
  if (uuid.bytes_[6] >> 4 != 7) return fail(kBadUuid, "version " + std::to_string(uuid.bytes_[6] >> 4) + ", not 7");
  return uuid;
}

std::string UuidV7::to_string() const {
  const std::string digits = to_hex(bytes_);
  std::string out;
  out.reserve(kTextSize);
  for (const char c : digits) {
    if (is_dash(out.size())) out.push_back('-');
    out.push_back(c);
  }
  return out;
}

}  // namespace openpcc
