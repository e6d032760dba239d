// request_message.h - requests as the programs see them: a Binary HTTP message, sealed. Joins lib/bhttp with request.h
// the way openpcc messages/messages.go does (content chunks of 512 bytes, padding to a multiple of 514).
//
// Known length goes whole, unknown length goes chunked; readers take either framing in either mode, as the official
// ones do. A reader's input is hostile. Not thread-safe.
#pragma once

#include "bhttp/decoder.h"
#include "bhttp/encoder.h"
#include "sealed/request.h"

namespace openpcc::sealed {

// A request of known length: one body for all candidates.
class SealedRequest {
 public:
  [[nodiscard]] std::string_view media_type() const { return sealer_.media_type(); }
  [[nodiscard]] const Bytes& body() const { return body_; }  // valid while this lives
  // See RequestSealer::encapsulate.
  [[nodiscard]] Result<Candidate> encapsulate(ByteView rek_point, const RandomSource& random = system_random) const {
    return sealer_.encapsulate(rek_point, random);
  }

 private:
  friend Result<SealedRequest> seal_request(const bhttp::RequestHead&, ByteView, const RandomSource&);
  SealedRequest(RequestSealer sealer, Bytes body) : sealer_(std::move(sealer)), body_(std::move(body)) {}
  RequestSealer sealer_;
  Bytes body_;
};
[[nodiscard]] Result<SealedRequest> seal_request(const bhttp::RequestHead& head, ByteView content,
                                                 const RandomSource& random = system_random);

// A request of unknown length, piece by piece: head, content any number of times, finish. Each appends sealed bytes
// that can be sent at once. After an error every call fails.
class RequestWriter {
 public:
  [[nodiscard]] static Result<RequestWriter> create(const RandomSource& random = system_random);
  [[nodiscard]] std::string_view media_type() const { return sealer_.media_type(); }
  [[nodiscard]] Result<Candidate> encapsulate(ByteView rek_point, const RandomSource& random = system_random) const {
    return sealer_.encapsulate(rek_point, random);
  }
  [[nodiscard]] Status head(const bhttp::RequestHead& head, Bytes& out);
  [[nodiscard]] Status content(ByteView data, Bytes& out);
  [[nodiscard]] Status finish(const bhttp::Fields& trailers, Bytes& out);

 private:
  explicit RequestWriter(RequestSealer sealer) : sealer_(std::move(sealer)) {}
  RequestSealer sealer_;
  bhttp::MessageWriter message_;
  WipedBytes plaintext_;
};

// Node side: sealed bytes in, the handler's calls out. The handler must outlive the reader. In chunked mode it is
// called as frames open; what it is given is genuine, but only a successful finish() says that it was all.
class RequestReader {
 public:
  // Errors as RequestOpener::create.
  [[nodiscard]] static Result<RequestReader> create(std::string_view media_type, ByteView encapsulated_key,
                                                    ByteView rek_point, const crypto::DiffieHellman& dh,
                                                    bhttp::Handler& handler,
                                                    size_t max_sealed = limits::kSealedRequest);
  // Errors of sealing (format.h), of Binary HTTP (bhttp/message.h) and of the handler. The first one stays.
  [[nodiscard]] Status feed(ByteView sealed);
  [[nodiscard]] Status finish();
  // For response_message.h; also after an error, so that a refusal can be sealed. Valid while the reader lives.
  [[nodiscard]] const RequestOpener& opener() const { return opener_; }

 private:
  RequestReader(RequestOpener opener, bhttp::Handler& handler);
  RequestOpener opener_;
  std::unique_ptr<bhttp::Decoder> decoder_;
  WipedBytes plaintext_;
  std::optional<Error> dead_;
};

}  // namespace openpcc::sealed
