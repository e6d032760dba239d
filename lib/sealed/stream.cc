#include "sealed/stream.h"

#include <algorithm>
#include <limits>

#include "base/varint.h"

namespace openpcc::sealed {

namespace {

constexpr std::string_view kFinalAad = "final";
constexpr uint64_t kLastCounter = std::numeric_limits<uint64_t>::max();  // never used, so that it never wraps

// nonce_i = base XOR i, as a 12-byte big-endian counter (twoway chunkycrypto.go). Ours counts to 2^64 only.
NonceBytes nonce_at(const NonceBytes& base, uint64_t counter) {
  NonceBytes nonce = base;
  for (size_t i = 0; i < sizeof(counter); ++i) {
    const auto shifted = static_cast<uint8_t>((counter >> (8 * i)) & 0xff);
    nonce[kNonceSize - 1 - i] = static_cast<uint8_t>(nonce[kNonceSize - 1 - i] ^ shifted);
  }
  return nonce;
}

}  // namespace

StreamSealer::StreamSealer(Mode mode, crypto::AeadSealer sealer, const NonceBytes& base, Bytes prefix)
    : mode_(mode), sealer_(std::move(sealer)), base_(base), prefix_(std::move(prefix)) {}

Result<StreamSealer> StreamSealer::create(Mode mode, crypto::Aead aead, ByteView key, const NonceBytes& base,
                                          ByteView prefix) {
  OPENPCC_TRY(crypto::AeadSealer sealer, crypto::AeadSealer::create(aead, key));
  return StreamSealer(mode, std::move(sealer), base, to_bytes(prefix));
}

Status StreamSealer::die(Error error) {
  dead_ = std::move(error);
  return std::unexpected(*dead_);
}

Status StreamSealer::start(Bytes& out) {
  if (started_) return {};
  started_ = true;
  append(out, prefix_);
  return mode_ == Mode::kWhole ? sealer_.begin(base_, {}) : Status();
}

Status StreamSealer::seal_frame(ByteView aad, ByteView plaintext, Bytes& out) {
  if (counter_ == kLastCounter) return fail(kMisuse, "too many frames in one message");
  return sealer_.seal(nonce_at(base_, counter_++), aad, plaintext, out);
}

Status StreamSealer::write(ByteView plaintext, Bytes& out) {
  if (dead_) return std::unexpected(*dead_);
  auto done = start(out);
  if (done && mode_ == Mode::kWhole) {
    done = sealer_.update(plaintext, out);
    plaintext = {};
  }
  while (done && !plaintext.empty()) {
    const ByteView part = plaintext.first(std::min(plaintext.size(), limits::kChunkPlaintext));
    append_varint(out, part.size() + kTagSize);
    done = seal_frame({}, part, out);
    plaintext = plaintext.subspan(part.size());
  }
  return done ? done : die(std::move(done).error());
}

Status StreamSealer::finish(Bytes& out) {
  if (dead_) return std::unexpected(*dead_);
  auto done = start(out);
  if (done && mode_ == Mode::kWhole) {
    done = sealer_.finish(out);
  } else if (done) {
    append_varint(out, 0);
    done = seal_frame(as_bytes(kFinalAad), {}, out);
  }
  if (!done) return die(std::move(done).error());
  dead_ = Error{kMisuse, "the sealed message has been finished already"};
  return {};
}

StreamOpener::StreamOpener(Mode mode, crypto::AeadOpener opener, const NonceBytes& base, uint64_t max_sealed)
    : mode_(mode), opener_(std::move(opener)), base_(base), remaining_(max_sealed) {}

Result<StreamOpener> StreamOpener::create(Mode mode, crypto::Aead aead, ByteView key, const NonceBytes& base,
                                          uint64_t max_sealed) {
  OPENPCC_TRY(crypto::AeadOpener opener, crypto::AeadOpener::create(aead, key));
  return StreamOpener(mode, std::move(opener), base, max_sealed);
}

Status StreamOpener::die(Error error) {
  dead_ = std::move(error);
  pending_ = {};
  return std::unexpected(*dead_);
}

Status StreamOpener::open_frame(ByteView aad, ByteView frame, WipedBytes& out) {
  if (counter_ == kLastCounter) return fail(kAltered, "too many frames in one message");
  auto opened = opener_.open(nonce_at(base_, counter_++), aad, frame, out);
  if (!opened && opened.error().code == crypto::kOpenFailed) {
    return fail(kAltered, mode_ == Mode::kWhole ? "the sealed message does not open"
                                                : "frame " + std::to_string(counter_ - 1) + " does not open");
  }
  return opened;
}

// A frame's length, or the mark of the final one. Takes bytes from the front of `sealed`.
Status StreamOpener::read_length(ByteView& sealed) {
  pending_.push_back(sealed.front());
  sealed = sealed.subspan(1);
  const auto length = parse_varint(pending_);
  if (!length) return {};
  pending_.clear();
  if (length->value == 0) {
    state_ = State::kFinal;
    return {};
  }
  if (!is_frame_size(length->value)) {
    return fail(kAltered, "a frame has a length that none can have");
  }
  frame_size_ = static_cast<size_t>(length->value);
  state_ = State::kFrame;
  return {};
}

// Takes some bytes from the front of `sealed`, at least one.
Status StreamOpener::step(ByteView& sealed, WipedBytes& out) {
  if (state_ == State::kLength) return read_length(sealed);
  if (state_ == State::kFinal) {
    // The final frame has no length; it reaches to the end of the stream.
    if (sealed.size() > kMaxChunkCiphertext - pending_.size()) return fail(kAltered, "bytes after the final frame");
    append(pending_, sealed);
    sealed = {};
    return {};
  }
  const size_t take = std::min(sealed.size(), frame_size_ - pending_.size());
  const ByteView part = sealed.first(take);
  sealed = sealed.subspan(take);
  ByteView frame = part;
  if (take < frame_size_) {  // not all of it in one piece
    append(pending_, part);
    frame = pending_;
  }
  if (frame.size() < frame_size_) return {};
  state_ = State::kLength;
  auto opened = open_frame({}, frame, out);
  pending_.clear();
  return opened;
}

Status StreamOpener::feed(ByteView sealed, WipedBytes& out) {
  if (dead_) return std::unexpected(*dead_);
  if (state_ == State::kDone) return die({kMisuse, "the sealed message has been finished already"});
  if (sealed.size() > remaining_) return die({kTooLarge, "the sealed message is larger than allowed"});
  remaining_ -= sealed.size();
  if (mode_ == Mode::kWhole) {
    append(pending_, sealed);
    return {};
  }
  while (!sealed.empty()) {
    if (auto done = step(sealed, out); !done) return die(std::move(done).error());
  }
  return {};
}

Status StreamOpener::finish(WipedBytes& out) {
  if (dead_) return std::unexpected(*dead_);
  if (state_ == State::kDone) return die({kMisuse, "the sealed message has been finished already"});
  const bool final_seen = mode_ == Mode::kWhole || state_ == State::kFinal;
  // Also a connection that ended cleanly: only the final frame says that this was all.
  if (!final_seen || pending_.size() < kTagSize) return die({kTruncated, "the sealed message ends before its end"});
  auto opened = open_frame(as_bytes(mode_ == Mode::kWhole ? std::string_view() : kFinalAad), pending_, out);
  if (!opened) return die(std::move(opened).error());
  state_ = State::kDone;
  pending_ = {};
  return {};
}

}  // namespace openpcc::sealed
