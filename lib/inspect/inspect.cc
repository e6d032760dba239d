#include "inspect/inspect.h"

#include <algorithm>

#include "bhttp/decoder.h"
#include "evidence/evidence.h"
#include "inspect/internal.h"
#include "sealed/request.h"
#include "wire/badge.h"
#include "wire/currency.h"
#include "wire/node_event.h"
#include "wire/router.h"

namespace openpcc::inspect {

using namespace internal;

namespace {

template <typename Value>
Status status_of(const Result<Value>& result) {
  return result ? Status{} : Status(std::unexpected(result.error()));
}

// What the parser of the kind says.
using Judge = Status (*)(ByteView);
Status judge_bhttp(ByteView bytes) {
  return status_of(bhttp::decode_whole(bhttp::Kind::kAny, bytes, bytes.size()));
}

struct Entry {
  Kind kind;
  std::string_view name;
  std::string_view title;
  std::optional<Problem> (*read)(Inspection&);
  Judge judge;  // null where no parser takes the object without a key
  void (*look_into)(Inspection&) = nullptr;
};

const Entry kEntries[] = {
    {Kind::kManifests, "manifests", "ComputeManifestList, a router's answer to /compute-manifests", read_manifests,
     [](ByteView bytes) { return status_of(wire::decode_manifest_list(bytes)); }, look_into_manifests},
    {Kind::kManifestRequest, "manifest-request", "ComputeManifestRequest, the body of /compute-manifests",
     read_manifest_request, [](ByteView bytes) { return status_of(wire::decode_manifest_request(bytes)); }},
    {Kind::kEvidence, "evidence", "SignedEvidenceList", read_evidence,
     [](ByteView bytes) { return status_of(evidence::decode(bytes)); }, look_into_evidence},
    {Kind::kNodeEvent, "node-event", "NodeEvent, the body of /node-events", read_node_event,
     [](ByteView bytes) { return status_of(wire::decode_node_event(bytes)); }, look_into_node_event},
    {Kind::kRoutingInfo, "routing-info", "ComputeRequestInfo, of X-Routing-Info", read_routing_info,
     [](ByteView bytes) { return status_of(wire::decode_request_info(bytes)); }, look_into_routing_info},
    {Kind::kEncapsulatedKey, "encapsulated-key", "of X-Encapsulated-Key", read_encapsulated_key,
     sealed::check_encapsulated_key},
    {Kind::kBhttp, "bhttp", "Binary HTTP request or response, either framing", read_bhttp, judge_bhttp},
    {Kind::kSealedRequest, "sealed-request", "framing of application/confsec-req", read_sealed_request, nullptr},
    {Kind::kChunkedSealedRequest, "chunked-sealed-request", "framing of application/confsec-chunked-req",
     read_chunked_request, nullptr},
    {Kind::kSealedResponse, "sealed-response", "framing of application/confsec-res", read_sealed_response, nullptr},
    {Kind::kChunkedSealedResponse, "chunked-sealed-response", "framing of application/confsec-chunked-res",
     read_chunked_response, nullptr},
    {Kind::kCredit, "credit", "Credit, of X-Credit and X-Refund", read_credit,
     [](ByteView bytes) { return status_of(wire::decode_credit(bytes)); }},
    {Kind::kCurrency, "currency", "Currency, of X-Refund-Amount", read_currency,
     [](ByteView bytes) { return status_of(wire::decode_currency(bytes)); }},
    {Kind::kBadge, "badge", "Badge, of X-Confsec-Badge", read_badge,
     [](ByteView bytes) { return status_of(wire::decode_badge(bytes)); }},
    {Kind::kErrorBody, "error-body", "Error, the body of an answer that is an error", read_error_body,
     [](ByteView bytes) { return status_of(wire::decode_error_body(bytes)); }},
};

const Entry& entry_of(Kind kind) {
  return *std::ranges::find(kEntries, kind, &Entry::kind);
}

void disagree(Inspection& in, const Error& error) {
  in.disagreement = true;
  in.problems.push_back({0, {}, "the parser of this kind refuses it for another reason: " + error.message});
}

Report run(const Entry& entry, ByteView bytes, const Options& options, Inspection& in) {
  in.object = bytes;
  in.root = object_part("", 0, bytes.size());
  Report report;
  report.kind = entry.kind;
  auto problem = entry.read(in);
  const Status judged = entry.judge == nullptr ? Status{} : entry.judge(bytes);
  if (problem) {
    in.disagreement = entry.judge != nullptr && judged.has_value();
    in.problems.push_back(std::move(*problem));
  } else if (!judged) {
    disagree(in, judged.error());
  }
  report.form_refused = !in.problems.empty();
  if (!report.form_refused && options.contents && entry.look_into != nullptr) entry.look_into(in);
  report.root = std::move(in.root);
  report.problems = std::move(in.problems);
  report.disagreement = in.disagreement;
  return report;
}

bool is_sealed(Kind kind) {
  return kind == Kind::kSealedRequest || kind == Kind::kChunkedSealedRequest || kind == Kind::kSealedResponse ||
         kind == Kind::kChunkedSealedResponse;
}

bool has(const Part& part, std::string_view name) {
  return part.find(name) != nullptr;
}

// Protobuf takes nearly everything for unknown fields: to be of a kind, an object has what its senders always write.
bool is_typical(const Report& report) {
  const Part& root = report.root;
  switch (report.kind) {
    case Kind::kManifestRequest:
      return has(root, "limit");
    case Kind::kEvidence:
      return std::ranges::all_of(root.find("items")->parts,
                                 [](const Part& piece) { return has(piece, "type") && has(piece, "data"); });
    case Kind::kBadge:
      return has(root, "credentials") && has(root, "signature");
    case Kind::kErrorBody: {
      const std::string* const message = text_of(root, "message");
      return message != nullptr &&
             std::ranges::none_of(*message, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    }
    default:
      return true;
  }
}

// Does it begin as one of that kind does?
bool is_begun(const Report& report, const Inspection& in) {
  switch (report.kind) {
    case Kind::kBhttp:
      return has(report.root, "path") || has(report.root, "status");
    case Kind::kEncapsulatedKey:
      return has(report.root, "aead_id") &&
             (report.problems.empty() || report.problems.front().at >= sealed::kHeaderSize);
    default:
      return in.known_fields > 0 && in.unknown_fields == 0;
  }
}

}  // namespace

const std::vector<Kind>& all_kinds() {
  static const std::vector<Kind> kinds = [] {
    std::vector<Kind> out;
    for (const Entry& entry : kEntries) out.push_back(entry.kind);
    return out;
  }();
  return kinds;
}

std::string_view name_of(Kind kind) {
  return entry_of(kind).name;
}

std::string_view title_of(Kind kind) {
  return entry_of(kind).title;
}

std::optional<Kind> kind_named(std::string_view name) {
  if (name == sealed::kRequestMediaType) return Kind::kSealedRequest;
  if (name == sealed::kChunkedRequestMediaType) return Kind::kChunkedSealedRequest;
  if (name == sealed::kResponseMediaType) return Kind::kSealedResponse;
  if (name == sealed::kChunkedResponseMediaType) return Kind::kChunkedSealedResponse;
  const auto* const it = std::ranges::find(kEntries, name, &Entry::name);
  return it == std::end(kEntries) ? std::nullopt : std::optional(it->kind);
}

Report inspect(Kind kind, ByteView bytes, const Options& options) {
  Inspection in;
  return run(entry_of(kind), bytes, options, in);
}

Guess guess(ByteView bytes) {
  Guess out;
  if (bytes.empty()) return out;
  size_t most = 0;
  for (const Entry& entry : kEntries) {
    if (is_sealed(entry.kind)) continue;
    Inspection in;
    const Report report = run(entry, bytes, {.contents = false}, in);
    if (!is_begun(report, in)) continue;
    if (!report.form_refused) {
      if (is_typical(report)) out.fitting.push_back(entry.kind);
      continue;
    }
    if (in.known_fields > most) out.nearest.clear();
    if (in.known_fields >= most) out.nearest.push_back(entry.kind);
    most = std::max(most, in.known_fields);
  }
  if (out.fitting.empty()) {
    for (const Kind kind : {Kind::kChunkedSealedRequest, Kind::kChunkedSealedResponse}) {
      const Report report = inspect(kind, bytes);
      // One byte that happens to be zero makes a final chunk; a whole message begins with another one.
      if (!report.form_refused && !report.root.find("chunks")->parts.empty()) out.fitting.push_back(kind);
    }
  }
  if (!out.fitting.empty()) out.nearest.clear();
  return out;
}

}  // namespace openpcc::inspect
