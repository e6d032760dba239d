// stream.h - the encrypted byte stream inside a sealed message, request and response alike: a nonce prefix, then one
// AEAD message or a sequence of frames.
//
//   whole:    AEAD(key, base nonce, all of it, aad "")
//   chunked:  { varint L, L bytes AEAD(key, base ^ i, part, "") } ... 00, AEAD(key, base ^ n, rest, "final") to the end
//
// The classes here know key and nonce already; request.h and response.h make them. What an opener is fed is hostile.
// Sources: twoway chunkycrypto.go, internal/chunks.
#pragma once

#include <optional>

#include "crypto/aead.h"
#include "sealed/format.h"

namespace openpcc::sealed {

using NonceBytes = std::array<uint8_t, kNonceSize>;

// Plaintext in, sealed bytes out. In chunked mode every write is framed at once, at most limits::kChunkPlaintext bytes
// a frame, so that what is written can be read by the peer; write as much at a time as may be held back anyway.
class StreamSealer {
 public:
  // `prefix` is sent first, in clear.
  [[nodiscard]] static Result<StreamSealer> create(Mode mode, crypto::Aead aead, ByteView key, const NonceBytes& base,
                                                   ByteView prefix);

  // Appends to `out`. After an error the sealer is dead: every call is the same error.
  [[nodiscard]] Status write(ByteView plaintext, Bytes& out);
  // Appends what ends the message. Without it no peer takes the message for whole. Once; later calls are kMisuse.
  [[nodiscard]] Status finish(Bytes& out);
  [[nodiscard]] Mode mode() const { return mode_; }

 private:
  StreamSealer(Mode mode, crypto::AeadSealer sealer, const NonceBytes& base, Bytes prefix);
  Status start(Bytes& out);
  Status seal_frame(ByteView aad, ByteView plaintext, Bytes& out);
  Status die(Error error);

  Mode mode_;
  crypto::AeadSealer sealer_;
  NonceBytes base_;
  Bytes prefix_;
  uint64_t counter_ = 0;
  bool started_ = false;
  std::optional<Error> dead_;
};

// Sealed bytes in, in pieces of any size, plaintext out. In chunked mode plaintext is given out frame by frame, each
// once it has been authenticated; whether it was all of it only finish() knows. In whole mode everything comes out of
// finish(). After the first error nothing more is given out: every later call is that same error.
class StreamOpener {
 public:
  // `max_sealed`: kTooLarge beyond it, in both modes; in whole mode also the most memory it takes.
  [[nodiscard]] static Result<StreamOpener> create(Mode mode, crypto::Aead aead, ByteView key, const NonceBytes& base,
                                                   uint64_t max_sealed);

  // Appends to `out` what has become readable. Needs no particular partition of the bytes.
  [[nodiscard]] Status feed(ByteView sealed, WipedBytes& out);
  // The peer's bytes have ended. Appends the rest. kTruncated when the message is not complete.
  [[nodiscard]] Status finish(WipedBytes& out);

 private:
  StreamOpener(Mode mode, crypto::AeadOpener opener, const NonceBytes& base, uint64_t max_sealed);
  enum class State { kLength, kFrame, kFinal, kDone };
  Status open_frame(ByteView aad, ByteView frame, WipedBytes& out);
  Status step(ByteView& sealed, WipedBytes& out);
  Status read_length(ByteView& sealed);
  Status die(Error error);

  Mode mode_;
  crypto::AeadOpener opener_;
  NonceBytes base_;
  uint64_t remaining_;
  uint64_t counter_ = 0;
  State state_ = State::kLength;
  size_t frame_size_ = 0;
  Bytes pending_;  // part of a length, of a frame, or all of a whole message: ciphertext, not secret
  std::optional<Error> dead_;
};

}  // namespace openpcc::sealed
