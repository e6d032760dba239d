#include "sealed/request_message.h"

#include "sealed/message_pump.h"

namespace openpcc::sealed {

Result<SealedRequest> seal_request(const bhttp::RequestHead& head, ByteView content, const RandomSource& random) {
  OPENPCC_TRY(RequestSealer sealer, RequestSealer::create(Mode::kWhole, random));
  OPENPCC_TRY(const WipedBytes message, bhttp::encode_request(head, content, limits::kChunkPlaintext));
  Bytes body;
  body.reserve(kNonceSize + message.size() + kTagSize);
  OPENPCC_TRY_STATUS(sealer.write(message, body));
  OPENPCC_TRY_STATUS(sealer.finish(body));
  return SealedRequest(std::move(sealer), std::move(body));
}

Result<RequestWriter> RequestWriter::create(const RandomSource& random) {
  OPENPCC_TRY(RequestSealer sealer, RequestSealer::create(Mode::kChunked, random));
  return RequestWriter(std::move(sealer));
}

Status RequestWriter::head(const bhttp::RequestHead& head, Bytes& out) {
  return detail::encode_and_write(sealer_, plaintext_, out,
                                  [&](WipedBytes& plaintext) { return message_.request(head, plaintext); });
}

Status RequestWriter::content(ByteView data, Bytes& out) {
  return detail::encode_and_write(sealer_, plaintext_, out,
                                  [&](WipedBytes& plaintext) { return message_.content(data, plaintext); });
}

Status RequestWriter::finish(const bhttp::Fields& trailers, Bytes& out) {
  OPENPCC_TRY_STATUS(detail::encode_and_write(
      sealer_, plaintext_, out, [&](WipedBytes& plaintext) { return message_.finish(trailers, plaintext); }));
  return sealer_.finish(out);
}

RequestReader::RequestReader(RequestOpener opener, bhttp::Handler& handler)
    : opener_(std::move(opener)), decoder_(std::make_unique<bhttp::Decoder>(bhttp::Kind::kRequest, handler)) {}

Result<RequestReader> RequestReader::create(std::string_view media_type, ByteView encapsulated_key, ByteView rek_point,
                                            const crypto::DiffieHellman& dh, bhttp::Handler& handler,
                                            size_t max_sealed) {
  OPENPCC_TRY(RequestOpener opener, RequestOpener::create(media_type, encapsulated_key, rek_point, dh, max_sealed));
  return RequestReader(std::move(opener), handler);
}

Status RequestReader::feed(ByteView sealed) {
  return detail::open_and_decode(*decoder_, plaintext_, dead_,
                                 [&](WipedBytes& plaintext) { return opener_.feed(sealed, plaintext); });
}

Status RequestReader::finish() {
  OPENPCC_TRY_STATUS(detail::open_and_decode(*decoder_, plaintext_, dead_,
                                             [&](WipedBytes& plaintext) { return opener_.finish(plaintext); }));
  Status decoded = decoder_->finish();
  dead_ = decoded ? Error{kMisuse, "the request has been finished already"} : decoded.error();
  return decoded;
}

}  // namespace openpcc::sealed
