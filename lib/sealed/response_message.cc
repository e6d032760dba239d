#include "sealed/response_message.h"

#include "sealed/message_pump.h"

namespace openpcc::sealed {

Result<SealedResponse> seal_response(const RequestOpener& request, const bhttp::ResponseHead& head, ByteView content,
                                     const RandomSource& random) {
  OPENPCC_TRY(ResponseSealer sealer, request.response_sealer(Mode::kWhole, random));
  OPENPCC_TRY(const WipedBytes message, bhttp::encode_response(head, content, limits::kChunkPlaintext));
  SealedResponse out{sealer.media_type(), {}};
  out.body.reserve(kResponseNonceSize + message.size() + kTagSize);
  OPENPCC_TRY_STATUS(sealer.write(message, out.body));
  OPENPCC_TRY_STATUS(sealer.finish(out.body));
  return out;
}

Result<ResponseWriter> ResponseWriter::create(const RequestOpener& request, const RandomSource& random) {
  OPENPCC_TRY(ResponseSealer sealer, request.response_sealer(Mode::kChunked, random));
  return ResponseWriter(std::move(sealer));
}

Status ResponseWriter::head(const bhttp::ResponseHead& head, Bytes& out) {
  return detail::encode_and_write(sealer_, plaintext_, out,
                                  [&](WipedBytes& plaintext) { return message_.response(head, plaintext); });
}

Status ResponseWriter::content(ByteView data, Bytes& out) {
  return detail::encode_and_write(sealer_, plaintext_, out,
                                  [&](WipedBytes& plaintext) { return message_.content(data, plaintext); });
}

Status ResponseWriter::finish(const bhttp::Fields& trailers, Bytes& out) {
  OPENPCC_TRY_STATUS(detail::encode_and_write(
      sealer_, plaintext_, out, [&](WipedBytes& plaintext) { return message_.finish(trailers, plaintext); }));
  return sealer_.finish(out);
}

ResponseReader::ResponseReader(ResponseOpener opener, bhttp::Handler& handler)
    : opener_(std::move(opener)), decoder_(std::make_unique<bhttp::Decoder>(bhttp::Kind::kResponse, handler)) {}

Result<ResponseReader> ResponseReader::create(const Candidate& candidate, std::string_view media_type,
                                              bhttp::Handler& handler, size_t max_whole) {
  OPENPCC_TRY(ResponseOpener opener, candidate.response_opener(media_type, max_whole));
  return ResponseReader(std::move(opener), handler);
}

Status ResponseReader::feed(ByteView sealed) {
  return detail::open_and_decode(*decoder_, plaintext_, dead_,
                                 [&](WipedBytes& plaintext) { return opener_.feed(sealed, plaintext); });
}

Status ResponseReader::finish() {
  OPENPCC_TRY_STATUS(detail::open_and_decode(*decoder_, plaintext_, dead_,
                                             [&](WipedBytes& plaintext) { return opener_.finish(plaintext); }));
  Status decoded = decoder_->finish();
  dead_ = decoded ? Error{kMisuse, "the response has been finished already"} : decoded.error();
  return decoded;
}

bool is_cut_or_altered(ErrorCode code) {
  return code == kTruncated || code == kAltered || code == bhttp::kTruncated;
}

}  // namespace openpcc::sealed
