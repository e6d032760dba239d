#include "sealed/response.h"

#include <algorithm>
#include <limits>

#include "crypto/hkdf.h"
#include "sealed/prefix.h"

namespace openpcc::sealed {

namespace {

constexpr size_t kResponseKeySize = 16;  // AES-128-GCM, the suite's own AEAD

struct ResponseKey {
  SecretBytes key;
  NonceBytes base;
};

// twoway response_ctx.go: plain HKDF, without HPKE's labels; the media type enters as HPKE's exporter context.
Result<ResponseKey> derive(Mode mode, ByteView enc, const Exporter& exporter, ByteView response_nonce) {
  OPENPCC_TRY(SecretBytes secret, exporter(as_bytes(response_media_type(mode)), kResponseKeySize));
  const Bytes salt = concat({enc, response_nonce});
  OPENPCC_TRY(SecretBytes prk, crypto::hkdf_extract(salt, {secret.view()}));
  ResponseKey out;
  OPENPCC_TRY(out.key, crypto::hkdf_expand(prk.view(), {as_bytes("key")}, kResponseKeySize));
  OPENPCC_TRY(SecretBytes base, crypto::hkdf_expand(prk.view(), {as_bytes("nonce")}, kNonceSize));
  std::copy_n(base.view().begin(), kNonceSize, out.base.begin());
  return out;
}

}  // namespace

Result<ResponseSealer> ResponseSealer::create(Mode mode, ByteView enc, const Exporter& exporter,
                                              const RandomSource& random) {
  std::array<uint8_t, kResponseNonceSize> response_nonce{};
  OPENPCC_TRY_STATUS(random(response_nonce));
  OPENPCC_TRY(ResponseKey keys, derive(mode, enc, exporter, response_nonce));
  OPENPCC_TRY(StreamSealer stream,
              StreamSealer::create(mode, crypto::Aead::kAes128Gcm, keys.key.view(), keys.base, response_nonce));
  return ResponseSealer(std::move(stream));
}

ResponseOpener::ResponseOpener(Mode mode, Bytes enc, Exporter exporter, uint64_t max_sealed)
    : mode_(mode), enc_(std::move(enc)), exporter_(std::move(exporter)), max_sealed_(max_sealed) {}

Result<ResponseOpener> ResponseOpener::create(std::string_view media_type, ByteView enc, Exporter exporter,
                                              size_t max_whole) {
  OPENPCC_TRY(const Mode mode, response_mode(media_type));
  const uint64_t max_sealed =
      mode == Mode::kWhole ? std::min(max_whole, kHardMaxSealed) : std::numeric_limits<uint64_t>::max();
  return ResponseOpener(mode, to_bytes(enc), std::move(exporter), max_sealed);
}

Status ResponseOpener::feed(ByteView sealed, WipedBytes& out) {
  if (dead_) return std::unexpected(*dead_);
  if (!stream_) {
    if (!detail::take_prefix(prefix_, kResponseNonceSize, sealed)) return {};
    auto keys = derive(mode_, enc_, exporter_, prefix_);
    auto stream = keys
                      ? StreamOpener::create(mode_, crypto::Aead::kAes128Gcm, keys->key.view(), keys->base, max_sealed_)
                      : Result<StreamOpener>(std::unexpected(std::move(keys).error()));
    if (!stream) {
      dead_ = std::move(stream).error();
      return std::unexpected(*dead_);
    }
    stream_.emplace(*std::move(stream));
  }
  return stream_->feed(sealed, out);
}

Status ResponseOpener::finish(WipedBytes& out) {
  if (dead_) return std::unexpected(*dead_);
  if (stream_) return stream_->finish(out);
  dead_ = Error{kTruncated, "the sealed response ends before its end"};
  return std::unexpected(*dead_);
}

}  // namespace openpcc::sealed
