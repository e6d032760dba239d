// response.h - a response sealed to the client that sent the request: its key comes from the request's HPKE context and
// a nonce the node chooses, so that only holders of that context can make or open it.
//
// The response's media type selects the framing and is bound into the key. Sources: twoway response_ctx.go.
#pragma once

#include "base/random.h"
#include "sealed/stream.h"

namespace openpcc::sealed {

// What both ends derive response keys from: the HPKE context's exporter. Made by request.h.
using Exporter = std::function<Result<SecretBytes>(ByteView context, size_t length)>;

// Node side.
class ResponseSealer {
 public:
  [[nodiscard]] static Result<ResponseSealer> create(Mode mode, ByteView enc, const Exporter& exporter,
                                                     const RandomSource& random = system_random);

  [[nodiscard]] std::string_view media_type() const { return response_media_type(stream_.mode()); }
  // See StreamSealer.
  [[nodiscard]] Status write(ByteView plaintext, Bytes& out) { return stream_.write(plaintext, out); }
  [[nodiscard]] Status finish(Bytes& out) { return stream_.finish(out); }

 private:
  explicit ResponseSealer(StreamSealer stream) : stream_(std::move(stream)) {}
  StreamSealer stream_;
};

// Client side.
class ResponseOpener {
 public:
  // kUnknownMediaType for any other media type. `max_whole` is capped at kHardMaxSealed; a chunked response is opened
  // in constant memory and has no cap here.
  [[nodiscard]] static Result<ResponseOpener> create(std::string_view media_type, ByteView enc, Exporter exporter,
                                                     size_t max_whole = kDefaultWholeResponse);

  // See StreamOpener.
  [[nodiscard]] Status feed(ByteView sealed, WipedBytes& out);
  [[nodiscard]] Status finish(WipedBytes& out);

 private:
  ResponseOpener(Mode mode, Bytes enc, Exporter exporter, uint64_t max_sealed);
  Mode mode_;
  Bytes enc_;
  Exporter exporter_;
  uint64_t max_sealed_;
  Bytes prefix_;                        // the response nonce, until it is complete
  std::optional<StreamOpener> stream_;  // from then on
  std::optional<Error> dead_;
};

}  // namespace openpcc::sealed
