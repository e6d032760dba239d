// limits.h - the sizes that several parts must agree on, each with its source in the official programs.
#pragma once

#include <cstddef>

namespace openpcc::limits {

inline constexpr size_t kUserChunk = 512;        // user bytes per sealed chunk (openpcc messages/messages.go)
inline constexpr size_t kChunkPlaintext = 514;   // kUserChunk and a 2-byte length
inline constexpr size_t kChunkOnWire = 532;      // kChunkPlaintext, a 16-byte tag and a 2-byte length
inline constexpr size_t kRequestBody = 1048576;  // user body at the worker (confidentcompute computeworker)
inline constexpr size_t kSealedRequest = kRequestBody * 2;  // sealed form of the largest request; chunks may be tiny
inline constexpr size_t kEncapsulatedKeyText = 512;  // base64 characters of X-Encapsulated-Key (routercom/serve.go)
inline constexpr size_t kEvidenceHandOff = 1048576;  // evidence list over the socket (routercom/evidence/receive.go)
inline constexpr size_t kErrorBody = 4096;           // what a client reads of an error body (httpfmt/errors.go)
inline constexpr size_t kWorkerFrame = 32768;        // one frame of a worker's output (computeworker/output)
inline constexpr int kManifestLimit = 500;           // ComputeManifestRequest.limit
inline constexpr size_t kTags = 1024;                // of one node or request; ours: a tag costs memory beyond its text

}  // namespace openpcc::limits
