#include "crypto/hkdf.h"

#include <algorithm>

#include "crypto/digest.h"

namespace openpcc::crypto {

Result<SecretBytes> hkdf_extract(ByteView salt, std::initializer_list<ByteView> ikm) {
  auto digest = hmac_sha256(salt, ikm);
  if (!digest) return std::unexpected(std::move(digest).error());
  const WipeOnExit wiped(*digest);
  return SecretBytes::copy_of(*digest);
}

Result<SecretBytes> hkdf_expand(ByteView prk, std::initializer_list<ByteView> info, size_t length) {
  if (length > kHkdfMaxOutput) return fail(kBadLength, "HKDF cannot give " + std::to_string(length) + " bytes");
  SecretBytes out(length);
  Sha256Digest block{};
  const WipeOnExit wiped(block);
  WipedBytes input;
  for (size_t done = 0, counter = 1; done < length; ++counter) {
    input.clear();
    if (counter > 1) append(input, block);
    for (const ByteView part : info) append(input, part);
    input.push_back(static_cast<uint8_t>(counter));
    auto next = hmac_sha256(prk, ByteView(input));
    if (!next) return std::unexpected(std::move(next).error());
    const WipeOnExit next_wiped(*next);
    block = *next;
    const size_t take = std::min(block.size(), length - done);
    std::copy_n(block.begin(), take, out.mutable_view().begin() + static_cast<std::ptrdiff_t>(done));
    done += take;
  }
  return out;
}

}  // namespace openpcc::crypto
