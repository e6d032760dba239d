#include "sealed/request.h"

#include <algorithm>

#include "sealed/prefix.h"

namespace openpcc::sealed {

namespace {

constexpr std::string_view kDekAad = "multi-encap-key";
// Key id 0, DHKEM(P-256), HKDF-SHA256, AES-128-GCM (twoway request_header.go).
constexpr std::array<uint8_t, kHeaderSize> kHeader = {0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x01};
// The content cipher goes by the DEK's length, not by the header: 32 bytes make it AES-256-GCM.
constexpr crypto::Aead kContentAead = crypto::Aead::kAes256Gcm;

Bytes info_of(Mode mode) {
  static constexpr std::array<uint8_t, 1> kZero = {0x00};
  return concat({as_bytes(request_media_type(mode)), kZero, kHeader});
}

template <typename Context>
Exporter exporter_of(std::shared_ptr<const Context> context) {
  return [context = std::move(context)](ByteView exporter_context, size_t length) {
    return context->export_secret(exporter_context, length);
  };
}

}  // namespace

Status check_encapsulated_key(ByteView encapsulated_key) {
  if (encapsulated_key.size() != kEncapsulatedKeySize) {
    return fail(kBadEncapsulatedKey, "the encapsulated key has a wrong size");
  }
  if (!std::ranges::equal(encapsulated_key.first(kHeaderSize), kHeader)) {
    return fail(kBadEncapsulatedKey, "the encapsulated key names another key or other algorithms");
  }
  if (!crypto::check_public_key(crypto::kOpenpccSuite.kem, encapsulated_key.subspan(kHeaderSize, kEncSize))) {
    return fail(kBadEncapsulatedKey, "the encapsulated key holds no point of the curve");
  }
  return {};
}

Candidate::Candidate(Bytes encapsulated_key, std::shared_ptr<const crypto::SenderContext> context)
    : encapsulated_key_(std::move(encapsulated_key)), context_(std::move(context)) {}

Result<ResponseOpener> Candidate::response_opener(std::string_view media_type, size_t max_whole) const {
  return ResponseOpener::create(media_type, context_->enc(), exporter_of(context_), max_whole);
}

Result<RequestSealer> RequestSealer::create(Mode mode, const RandomSource& random) {
  SecretBytes dek(kDekSize);
  NonceBytes base{};
  OPENPCC_TRY_STATUS(random(dek.mutable_view()));
  OPENPCC_TRY_STATUS(random(base));
  OPENPCC_TRY(StreamSealer stream, StreamSealer::create(mode, kContentAead, dek.view(), base, base));
  return RequestSealer(std::move(dek), std::move(stream));
}

Result<Candidate> RequestSealer::encapsulate(ByteView rek_point, const RandomSource& random) const {
  const Bytes info = info_of(stream_.mode());
  OPENPCC_TRY(crypto::SenderContext context, crypto::setup_sender(crypto::kOpenpccSuite, rek_point, info, random));
  OPENPCC_TRY(const Bytes sealed_dek, context.seal(as_bytes(kDekAad), dek_.view()));
  Bytes encapsulated_key = concat({kHeader, context.enc(), sealed_dek});
  return Candidate(std::move(encapsulated_key), std::make_shared<const crypto::SenderContext>(std::move(context)));
}

RequestOpener::RequestOpener(Mode mode, SecretBytes dek, std::shared_ptr<const crypto::RecipientContext> context,
                             uint64_t max_sealed)
    : mode_(mode), dek_(std::move(dek)), context_(std::move(context)), max_sealed_(max_sealed) {}

Result<RequestOpener> RequestOpener::create(std::string_view media_type, ByteView encapsulated_key, ByteView rek_point,
                                            const crypto::DiffieHellman& dh, size_t max_sealed) {
  OPENPCC_TRY(const Mode mode, request_mode(media_type));
  OPENPCC_TRY_STATUS(check_encapsulated_key(encapsulated_key));
  const ByteView enc = encapsulated_key.subspan(kHeaderSize, kEncSize);
  OPENPCC_TRY(crypto::RecipientContext context,
              crypto::setup_recipient(crypto::kOpenpccSuite, enc, rek_point, dh, info_of(mode)));
  auto dek = context.open(as_bytes(kDekAad), encapsulated_key.subspan(kHeaderSize + kEncSize));
  if (!dek) {
    if (dek.error().code != crypto::kOpenFailed) return std::unexpected(std::move(dek).error());
    return fail(kNotForThisNode, "the encapsulated key was made for another node or media type, or altered");
  }
  return RequestOpener(mode, SecretBytes::copy_of(*dek),
                       std::make_shared<const crypto::RecipientContext>(std::move(context)),
                       std::min(max_sealed, kHardMaxSealed));
}

Status RequestOpener::feed(ByteView sealed, WipedBytes& out) {
  if (dead_) return std::unexpected(*dead_);
  if (!stream_) {
    if (!detail::take_prefix(prefix_, kNonceSize, sealed)) return {};
    NonceBytes base{};
    std::copy_n(prefix_.begin(), kNonceSize, base.begin());
    auto stream = StreamOpener::create(mode_, kContentAead, dek_.view(), base, max_sealed_);
    dek_ = {};
    if (!stream) {
      dead_ = std::move(stream).error();
      return std::unexpected(*dead_);
    }
    stream_.emplace(*std::move(stream));
  }
  return stream_->feed(sealed, out);
}

Status RequestOpener::finish(WipedBytes& out) {
  if (dead_) return std::unexpected(*dead_);
  if (stream_) return stream_->finish(out);
  dead_ = Error{kTruncated, "the sealed request ends before its end"};
  return std::unexpected(*dead_);
}

Result<ResponseSealer> RequestOpener::response_sealer(Mode mode, const RandomSource& random) const {
  return ResponseSealer::create(mode, context_->enc(), exporter_of(context_), random);
}

}  // namespace openpcc::sealed
