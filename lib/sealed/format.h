// format.h - names and sizes of sealed messages, and how handling one fails.
//
// A sealed message is a Binary HTTP message encrypted so that only one compute node (request) or the client that asked
// (response) can read it. Sources: openpcc messages/messages.go, confidentsecurity/twoway multi_sender_receiver.go,
// chunkycrypto.go, response_ctx.go.
#pragma once

#include <string_view>

#include "base/limits.h"
#include "base/result.h"

namespace openpcc::sealed {

// The media type is neither of the two of this direction. No parameters are allowed, and case matters.
inline constexpr ErrorCode kUnknownMediaType{"sealed.unknown_media_type"};
// The encapsulated key has a wrong size or header, or its point is none: it was never made for this protocol.
inline constexpr ErrorCode kBadEncapsulatedKey{"sealed.bad_encapsulated_key"};
// The encapsulated key does not open here: it was made for another node, for the other media type, or was altered.
inline constexpr ErrorCode kNotForThisNode{"sealed.not_for_this_node"};
// A frame does not open or is larger than any allowed: altered, repeated, dropped, inserted or exchanged on the way.
inline constexpr ErrorCode kAltered{"sealed.altered"};
// The message ended before its end. What was opened until then is genuine, but not all there is.
inline constexpr ErrorCode kTruncated{"sealed.truncated"};
// More sealed bytes than the receiver is willing to take.
inline constexpr ErrorCode kTooLarge{"sealed.too_large"};
// A call out of order: after finish(), or on a sealer that has failed. An error of the program, not of the peer.
inline constexpr ErrorCode kMisuse{"sealed.misuse"};

inline constexpr std::string_view kRequestMediaType = "application/confsec-req";
inline constexpr std::string_view kChunkedRequestMediaType = "application/confsec-chunked-req";
inline constexpr std::string_view kResponseMediaType = "application/confsec-res";
inline constexpr std::string_view kChunkedResponseMediaType = "application/confsec-chunked-res";

// Whole: one AEAD message. Chunked: frames of at most limits::kChunkPlaintext bytes, for messages of unknown length.
enum class Mode { kWhole, kChunked };

[[nodiscard]] constexpr std::string_view request_media_type(Mode mode) {
  return mode == Mode::kChunked ? kChunkedRequestMediaType : kRequestMediaType;
}
[[nodiscard]] constexpr std::string_view response_media_type(Mode mode) {
  return mode == Mode::kChunked ? kChunkedResponseMediaType : kResponseMediaType;
}
// kUnknownMediaType unless it is exactly one of the two.
[[nodiscard]] Result<Mode> request_mode(std::string_view media_type);
[[nodiscard]] Result<Mode> response_mode(std::string_view media_type);

inline constexpr size_t kDekSize = 32;
inline constexpr size_t kNonceSize = 12;
inline constexpr size_t kTagSize = 16;
inline constexpr size_t kResponseNonceSize = 16;
inline constexpr size_t kEncSize = 65;
inline constexpr size_t kHeaderSize = 7;                                                      // key id, KEM, KDF, AEAD
inline constexpr size_t kEncapsulatedKeySize = kHeaderSize + kEncSize + kDekSize + kTagSize;  // 120
inline constexpr size_t kMaxChunkCiphertext = limits::kChunkPlaintext + kTagSize;             // 530
// May a frame, other than the final one, have so many bytes?
[[nodiscard]] constexpr bool is_frame_size(uint64_t size) {
  return size >= kTagSize && size <= kMaxChunkCiphertext;
}

// Sealed bytes of a whole-mode response that a client takes, unless it asks for less or more, and the most it can ask.
inline constexpr size_t kDefaultWholeResponse = size_t{16} << 20;
inline constexpr size_t kHardMaxSealed = size_t{64} << 20;

}  // namespace openpcc::sealed
