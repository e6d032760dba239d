// response_message.h - responses as the programs see them: a Binary HTTP message, sealed to the client that asked.
// Joins lib/bhttp with response.h the way openpcc messages/messages.go does (content chunks of 512 bytes, padding to
// 514).
//
// A reader's input is hostile. Not thread-safe.
#pragma once

#include "bhttp/decoder.h"
#include "bhttp/encoder.h"
#include "sealed/request.h"

namespace openpcc::sealed {

// A response of known length, whole.
struct SealedResponse {
  std::string_view media_type;
  Bytes body;
};
[[nodiscard]] Result<SealedResponse> seal_response(const RequestOpener& request, const bhttp::ResponseHead& head,
                                                   ByteView content, const RandomSource& random = system_random);

// A response of unknown length, piece by piece: head, content any number of times, finish. Each appends sealed bytes
// that can be sent, and read, at once. Trailers must be named in the head. After an error every call fails.
class ResponseWriter {
 public:
  [[nodiscard]] static Result<ResponseWriter> create(const RequestOpener& request,
                                                     const RandomSource& random = system_random);
  [[nodiscard]] std::string_view media_type() const { return sealer_.media_type(); }
  [[nodiscard]] Status head(const bhttp::ResponseHead& head, Bytes& out);
  [[nodiscard]] Status content(ByteView data, Bytes& out);
  [[nodiscard]] Status finish(const bhttp::Fields& trailers, Bytes& out);

 private:
  explicit ResponseWriter(ResponseSealer sealer) : sealer_(std::move(sealer)) {}
  ResponseSealer sealer_;
  bhttp::MessageWriter message_;
  WipedBytes plaintext_;
};

// Client side: sealed bytes in, the handler's calls out. The handler must outlive the reader. In chunked mode it is
// called as frames open; what it is given is genuine, but only a successful finish() says that it was the whole answer.
class ResponseReader {
 public:
  // `media_type` is the response's Content-Type; kUnknownMediaType when it is none of ours.
  [[nodiscard]] static Result<ResponseReader> create(const Candidate& candidate, std::string_view media_type,
                                                     bhttp::Handler& handler, size_t max_whole = kDefaultWholeResponse);
  // Errors of sealing (format.h), of Binary HTTP (bhttp/message.h) and of the handler. The first one stays.
  [[nodiscard]] Status feed(ByteView sealed);
  [[nodiscard]] Status finish();

 private:
  ResponseReader(ResponseOpener opener, bhttp::Handler& handler);
  ResponseOpener opener_;
  std::unique_ptr<bhttp::Decoder> decoder_;
  WipedBytes plaintext_;
  std::optional<Error> dead_;
};

// True for the errors that mean that somebody on the way, or a failing node, cut the message off or altered it.
[[nodiscard]] bool is_cut_or_altered(ErrorCode code);

}  // namespace openpcc::sealed
