#include "crypto/labeled.h"

namespace openpcc::crypto::detail {

namespace {

constexpr std::string_view kVersion = "HPKE-v1";

uint8_t high(uint16_t value) {
  return static_cast<uint8_t>(value >> 8);
}

uint8_t low(uint16_t value) {
  return static_cast<uint8_t>(value & 0xff);
}

}  // namespace

std::array<uint8_t, 5> kem_suite_id(Kem kem) {
  const auto id = static_cast<uint16_t>(kem);
  return {'K', 'E', 'M', high(id), low(id)};
}

std::array<uint8_t, 10> hpke_suite_id(Suite suite) {
  const auto kem = static_cast<uint16_t>(suite.kem);
  const auto kdf = static_cast<uint16_t>(suite.kdf);
  const auto aead = static_cast<uint16_t>(suite.aead);
  return {'H', 'P', 'K', 'E', high(kem), low(kem), high(kdf), low(kdf), high(aead), low(aead)};
}

bool all_zero(ByteView bytes) {
  uint8_t any = 0;
  for (const uint8_t byte : bytes) any = static_cast<uint8_t>(any | byte);
  return any == 0;
}

Result<SecretBytes> labeled_extract(ByteView suite_id, ByteView salt, std::string_view label, ByteView ikm) {
  return hkdf_extract(salt, {as_bytes(kVersion), suite_id, as_bytes(label), ikm});
}

Result<SecretBytes> labeled_expand(ByteView suite_id, ByteView prk, std::string_view label,
                                   std::initializer_list<ByteView> info, size_t length) {
  if (length > kHkdfMaxOutput) return fail(kBadLength, "HKDF cannot give " + std::to_string(length) + " bytes");
  WipedBytes joined;
  for (const ByteView part : info) append(joined, part);
  const auto size = static_cast<uint16_t>(length);
  const std::array<uint8_t, 2> prefix = {high(size), low(size)};
  return hkdf_expand(prk, {prefix, as_bytes(kVersion), suite_id, as_bytes(label), ByteView(joined)}, length);
}

}  // namespace openpcc::crypto::detail
