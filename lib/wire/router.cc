#include "wire/router.h"

#include "wire/internal.h"
#include "wire/proto/httpfmt.pb.h"
#include "wire/proto/router.pb.h"
#include "wire/utf8.h"

namespace openpcc::wire {

using namespace internal;

namespace {

// The largest key whose base64 fits the node's limit on the header.
constexpr size_t kMaxEncapsulatedKey = limits::kEncapsulatedKeyText / 4 * 3;

Status check_candidate(const ComputeCandidate& candidate) {
  if (candidate.encapsulated_key.empty()) return invalid("routing info", "a candidate without an encapsulated key");
  if (candidate.encapsulated_key.size() > kMaxEncapsulatedKey) {
    return invalid("routing info", "an encapsulated key longer than any node takes");
  }
  return {};
}

Status check_limit(int limit) {
  if (limit < 0 || limit > limits::kManifestLimit) return invalid("manifest request", "the limit is not 0 to 500");
  return {};
}

Status fill(const ComputeManifest& manifest, csprotos::ComputeManifest& out) {
  if (manifest.tags.empty()) return fail(kUnencodable, "manifest: without a tag");
  out.set_id(manifest.id.to_string());
  internal::fill(manifest.tags, *out.mutable_tags());
  internal::fill(manifest.evidence, *out.mutable_evidence());
  return {};
}

}  // namespace

Bytes encode(const ErrorBody& error) {
  csprotos::Error message;
  message.set_message(to_utf8(error.message));
  return serialize(message);
}

Result<ErrorBody> decode_error_body(ByteView bytes) {
  OPENPCC_TRY(auto message, parse<csprotos::Error>(bytes, limits::kErrorBody, "error body"));
  if (!is_utf8(message.message())) return fail(kMalformed, "error body: the message is not UTF-8");
  return ErrorBody{std::move(*message.mutable_message())};
}

Result<Bytes> encode(const ComputeManifestRequest& request) {
  if (!check_limit(request.limit)) return fail(kUnencodable, "manifest request: the limit is not 0 to 500");
  csprotos::ComputeManifestRequest message;
  fill(request.tags, *message.mutable_tags());
  message.set_limit(request.limit);
  return serialize(message);
}

Result<ComputeManifestRequest> decode_manifest_request(ByteView bytes) {
  OPENPCC_TRY(const auto message,
              parse<csprotos::ComputeManifestRequest>(bytes, kMaxManifestRequestSize, "manifest request"));
  OPENPCC_TRY_STATUS(check_limit(message.limit()));
  OPENPCC_TRY(Tags tags, parse_tags(message.tags(), "manifest request"));
  return ComputeManifestRequest{std::move(tags), message.limit()};
}

Result<Bytes> encode(const ComputeManifest& manifest) {
  csprotos::ComputeManifest message;
  OPENPCC_TRY_STATUS(fill(manifest, message));
  return serialize(message);
}

Result<ComputeManifest> decode_manifest(ByteView bytes) {
  OPENPCC_TRY(const auto message, parse<csprotos::ComputeManifest>(bytes, kMaxManifestSize, "manifest"));
  ComputeManifest manifest;
  OPENPCC_TRY(manifest.id, parse_id(message.id(), "manifest"));
  OPENPCC_TRY(manifest.tags, parse_tags(message.tags(), "manifest"));
  if (manifest.tags.empty()) return invalid("manifest", "no tag");
  OPENPCC_TRY(manifest.evidence, list_of(message.evidence()));
  return manifest;
}

Result<Bytes> encode(const ComputeManifestList& list) {
  csprotos::ComputeManifestList message;
  for (const ComputeManifest& manifest : list) OPENPCC_TRY_STATUS(fill(manifest, *message.add_items()));
  return serialize(message);
}

Result<ComputeManifestList> decode_manifest_list(ByteView bytes) {
  OPENPCC_TRY(const auto items, split_list(bytes, kMaxManifestListSize, limits::kManifestLimit, "manifest list"));
  ComputeManifestList list;
  for (const ByteView item : items) {
    OPENPCC_TRY(ComputeManifest manifest, decode_manifest(item));
    list.push_back(std::move(manifest));
  }
  return list;
}

Result<Bytes> encode(const ComputeRequestInfo& info) {
  if (info.candidates.empty()) return fail(kUnencodable, "routing info: no candidate");
  if (info.candidates.size() > kMaxCandidates) return fail(kUnencodable, "routing info: more than 64 candidates");
  csprotos::ComputeRequestInfo message;
  for (const ComputeCandidate& candidate : info.candidates) {
    if (!check_candidate(candidate)) return fail(kUnencodable, "routing info: the size of an encapsulated key");
    auto& out = *message.add_candidates();
    out.set_id(candidate.id.to_string());
    out.set_encapsulated_key(to_string(candidate.encapsulated_key));
  }
  Bytes out = serialize(message);
  if (out.size() > kMaxRequestInfoSize) return fail(kUnencodable, "routing info: more than 16384 bytes");
  return out;
}

Result<ComputeRequestInfo> decode_request_info(ByteView bytes) {
  OPENPCC_TRY(const auto message, parse<csprotos::ComputeRequestInfo>(bytes, kMaxRequestInfoSize, "routing info"));
  if (message.candidates().empty()) return invalid("routing info", "no candidate");
  if (static_cast<size_t>(message.candidates_size()) > kMaxCandidates) {
    return fail(kTooLarge, "routing info: more than 64 candidates");
  }
  ComputeRequestInfo info;
  for (const auto& given : message.candidates()) {
    ComputeCandidate candidate;
    OPENPCC_TRY(candidate.id, parse_id(given.id(), "routing info"));
    candidate.encapsulated_key = from_string(given.encapsulated_key());
    OPENPCC_TRY_STATUS(check_candidate(candidate));
    info.candidates.push_back(std::move(candidate));
  }
  return info;
}

}  // namespace openpcc::wire
