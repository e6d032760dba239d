// router.h - what clients and routers say to each other: manifests, routing info, errors (PROTOCOL B, G, A.7, A.8).
#pragma once

#include "base/tags.h"
#include "base/uuid.h"
#include "wire/evidence.h"

namespace openpcc::wire {

inline constexpr size_t kMaxManifestRequestSize = 65536;
inline constexpr size_t kMaxManifestSize = kMaxEvidenceSize + 65536;
inline constexpr size_t kMaxManifestListSize = size_t{64} << 20;
inline constexpr size_t kMaxRequestInfoSize = 16384;  // it travels in a header
inline constexpr size_t kMaxCandidates = 64;

// Body of an answer that is an error (httpfmt/binary.go). At most limits::kErrorBody bytes are read.
struct ErrorBody {
  std::string message;
  friend bool operator==(const ErrorBody&, const ErrorBody&) = default;
};
[[nodiscard]] Bytes encode(const ErrorBody& error);  // bytes that are no UTF-8 become '?'
[[nodiscard]] Result<ErrorBody> decode_error_body(ByteView bytes);

struct ComputeManifestRequest {
  Tags tags;      // may be empty: every node matches
  int limit = 0;  // 0 to limits::kManifestLimit; 0 asks for none
  friend bool operator==(const ComputeManifestRequest&, const ComputeManifestRequest&) = default;
};
[[nodiscard]] Result<Bytes> encode(const ComputeManifestRequest& request);
[[nodiscard]] Result<ComputeManifestRequest> decode_manifest_request(ByteView bytes);

struct ComputeManifest {
  UuidV7 id;
  Tags tags;  // at least one
  SignedEvidenceList evidence;
  friend bool operator==(const ComputeManifest&, const ComputeManifest&) = default;
};
using ComputeManifestList = std::vector<ComputeManifest>;
[[nodiscard]] Result<Bytes> encode(const ComputeManifest& manifest);
[[nodiscard]] Result<ComputeManifest> decode_manifest(ByteView bytes);
[[nodiscard]] Result<Bytes> encode(const ComputeManifestList& list);
// One bad manifest makes the whole list bad, as in the official client. At most limits::kManifestLimit of them.
[[nodiscard]] Result<ComputeManifestList> decode_manifest_list(ByteView bytes);

struct ComputeCandidate {
  UuidV7 id;
  Bytes encapsulated_key;  // not empty; its base64 must fit limits::kEncapsulatedKeyText
  friend bool operator==(const ComputeCandidate&, const ComputeCandidate&) = default;
};
struct ComputeRequestInfo {
  std::vector<ComputeCandidate> candidates;  // at least one; the same id may come twice
  friend bool operator==(const ComputeRequestInfo&, const ComputeRequestInfo&) = default;
};
[[nodiscard]] Result<Bytes> encode(const ComputeRequestInfo& info);
[[nodiscard]] Result<ComputeRequestInfo> decode_request_info(ByteView bytes);

}  // namespace openpcc::wire
