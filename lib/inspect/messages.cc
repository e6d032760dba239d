// The protobuf messages, each by the rules of its decoder in lib/wire.
#include <algorithm>

#include "inspect/internal.h"
#include "inspect/schema.h"
#include "wire/badge.h"
#include "wire/currency.h"
#include "wire/node_event.h"
#include "wire/router.h"
#include "wire/utf8.h"

namespace openpcc::inspect::internal {

using protobuf::Place;
using protobuf::Walker;

namespace {

void count(Inspection& in, const Walker& walker) {
  in.known_fields = walker.known_fields();
  in.unknown_fields = walker.unknown_fields();
}

std::optional<Problem> read_whole(Inspection& in, const protobuf::Message& message, size_t cap, std::string_view what) {
  if (auto problem = check_size(in, cap, what)) return problem;
  Walker walker(in.object);
  auto problem = walker.message(message, in.whole(), in.root);
  count(in, walker);
  return problem;
}

std::optional<Problem> check_url(const Part& message, std::string_view field, std::string_view what) {
  const std::string rule =
      "must be a URL with a scheme, of at most 2048 bytes, without blanks or control characters (" + std::string(what) +
      ")";
  const Part* const part = message.find(field);
  if (part == nullptr) return Problem{message.at, std::string(field), "is missing: it " + rule};
  if (wire::check_url(std::get<std::string>(part->value), what)) return std::nullopt;
  return Problem{part->at, std::string(field), rule};
}

std::optional<Problem> check_manifest(const Part& manifest) {
  if (auto problem = check_id(manifest, "id", "ComputeManifest field 1")) return problem;
  if (auto problem = check_tags(manifest, true, "ComputeManifest field 2")) return problem;
  return check_piece_count(manifest.find("evidence"));
}

std::optional<Problem> check_node_info(const Part& info) {
  if (auto problem = check_tags(info, true, "RoutingInfo field 4")) return problem;
  if (auto problem = check_piece_count(info.find("evidence"))) return problem;
  if (auto problem = check_url(info, "url", "RoutingInfo field 2")) return problem;
  return check_url(info, "healthcheck_url", "RoutingInfo field 3");
}

std::optional<Problem> check_candidate(const Part& candidate) {
  constexpr size_t kMaxKey = limits::kEncapsulatedKeyText / 4 * 3;
  if (auto problem = check_id(candidate, "id", "ComputeCandidate field 1")) return problem;
  const Part* const key = candidate.find("encapsulated_key");
  if (key == nullptr || key->size == 0) {
    return Problem{key == nullptr ? candidate.at : key->at, "encapsulated_key",
                   "is missing or empty (ComputeCandidate field 4)"};
  }
  if (key->size > kMaxKey) {
    return Problem{key->at, "encapsulated_key", "longer than the 384 bytes that any node takes"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Problem> read_manifests(Inspection& in) {
  if (auto problem = check_size(in, wire::kMaxManifestListSize, "a list of manifests")) return problem;
  Walker walker(in.object);
  std::vector<Place> elements;
  auto problem = walker.split(schema::kComputeManifestList, in.whole(), limits::kManifestLimit, elements);
  Part& items = in.root.set(list_part("items", 0, in.object.size()));
  for (size_t i = 0; i < elements.size(); ++i) {
    const Place place = elements[i];
    Part& manifest = items.parts.emplace_back(object_part("", place.at, place.size));
    std::optional<Problem> bad_manifest;
    if (place.size > wire::kMaxManifestSize) {
      bad_manifest = Problem{place.at + wire::kMaxManifestSize, {}, "a manifest of more than 1114112 bytes"};
    } else {
      bad_manifest = walker.message(schema::kComputeManifest, place, manifest);
    }
    if (place.cut) break;
    if (!bad_manifest) bad_manifest = check_manifest(manifest);
    if (bad_manifest) {
      problem = within(element_name("items", i), std::move(*bad_manifest));
      break;
    }
  }
  count(in, walker);
  return problem;
}

std::optional<Problem> read_manifest_request(Inspection& in) {
  auto problem =
      read_whole(in, schema::kComputeManifestRequest, wire::kMaxManifestRequestSize, "a request for manifests");
  if (problem) return problem;
  const int64_t limit = number_of(in.root, "limit");
  if (limit < 0 || limit > limits::kManifestLimit) {
    return Problem{in.root.find("limit")->at, "limit", "must be 0 to 500 (ComputeManifestRequest field 2)"};
  }
  return check_tags(in.root, false, "ComputeManifestRequest field 1");
}

std::optional<Problem> read_node_event(Inspection& in) {
  if (auto problem = read_whole(in, schema::kNodeEvent, wire::kMaxNodeEventSize, "a node event")) return problem;
  if (auto problem = check_id(in.root, "node_id", "NodeEvent field 1")) return problem;
  Part* const timestamp = in.root.find("timestamp");
  if (timestamp == nullptr) return Problem{0, "timestamp", "is missing (NodeEvent field 3)"};
  add_time(timestamp);
  if (number_of(in.root, "event_index") < 0) {
    return Problem{in.root.find("event_index")->at, "event_index", "must not be negative (NodeEvent field 2)"};
  }
  const int64_t nanos = number_of(*timestamp, "nanos");
  if (nanos < 0 || nanos > 999'999'999) {
    return Problem{timestamp->find("nanos")->at, "timestamp.nanos", "must be 0 to 999999999 (Timestamp field 2)"};
  }
  if (in.root.find("shutdown") != nullptr) return std::nullopt;
  const Part* const heartbeat = in.root.find("heartbeat");
  std::optional<Problem> problem;
  if (heartbeat == nullptr) {
    return Problem{0, {}, "neither a heartbeat nor a shutdown (NodeEvent fields 4 and 5)"};
  }
  if (heartbeat->find("routing_info_url") != nullptr) {
    problem = check_url(*heartbeat, "routing_info_url", "Heartbeat field 1");
  } else if (const Part* const info = heartbeat->find("routing_info")) {
    problem = check_node_info(*info);
    if (problem) problem = within("routing_info", std::move(*problem));
  } else {
    problem = Problem{heartbeat->at, {}, "a heartbeat without routing info or its URL (Heartbeat fields 1 and 2)"};
  }
  return problem ? std::optional(within("heartbeat", std::move(*problem))) : std::nullopt;
}

std::optional<Problem> read_routing_info(Inspection& in) {
  auto problem = read_whole(in, schema::kComputeRequestInfo, wire::kMaxRequestInfoSize, "routing info in a header");
  if (problem) return problem;
  const Part* const list = in.root.find("candidates");
  if (list == nullptr) return Problem{0, "candidates", "are missing: there must be one (ComputeRequestInfo field 1)"};
  for (size_t i = 0; i < list->parts.size(); ++i) {
    const Part& candidate = list->parts[i];
    problem = i < wire::kMaxCandidates ? check_candidate(candidate)
                                       : std::optional(Problem{candidate.at, {}, "more than 64 candidates"});
    if (problem) return within(element_name("candidates", i), std::move(*problem));
  }
  return std::nullopt;
}

std::optional<Problem> read_currency(Inspection& in) {
  if (auto problem = read_whole(in, schema::kCurrency, wire::kMaxCurrencySize, "a currency")) return problem;
  return check_currency(&in.root, 0);
}

std::optional<Problem> read_credit(Inspection& in) {
  if (auto problem = read_whole(in, schema::kCredit, wire::kMaxCreditSize, "a credit")) return problem;
  Part* const value = in.root.find("value");
  Part* const nonce = in.root.find("nonce");
  if (value == nullptr) return Problem{0, "value", "is missing (Credit field 1)"};
  if (nonce == nullptr) return Problem{0, "nonce", "is missing (Credit field 2)"};
  Part* const timestamp = nonce->find("timestamp");
  if (timestamp == nullptr) return Problem{nonce->at, "nonce.timestamp", "is missing (Nonce field 1)"};
  add_time(timestamp);
  const Part* const random = nonce->find("nonce");
  if (random == nullptr || random->size != sizeof(wire::Nonce::nonce)) {
    return Problem{random == nullptr ? nonce->at : random->at, "nonce.nonce", "must be 16 bytes (Nonce field 2)"};
  }
  const Part* const signature = in.root.find("signature");
  if (signature == nullptr || signature->size == 0) {
    return Problem{signature == nullptr ? 0 : signature->at, "signature", "is missing or empty (Credit field 3)"};
  }
  auto problem = check_currency(value, value->at);
  return problem ? std::optional(within("value", std::move(*problem))) : std::nullopt;
}

// Credentials.models: each name behind a little-endian u32 length, in ascending order.
std::optional<Problem> read_badge(Inspection& in) {
  if (auto problem = read_whole(in, schema::kBadge, wire::kMaxBadgeSize, "a badge")) return problem;
  Part* const credentials = in.root.find("credentials");
  const Part* const packed = credentials == nullptr ? nullptr : credentials->find("models");
  if (packed == nullptr) return std::nullopt;
  const Bytes bytes = std::get<Bytes>(packed->value);
  Part names = list_part("model_names", packed->at, packed->size);
  std::optional<Problem> problem;
  constexpr size_t kLengthSize = 4;
  for (size_t at = 0; at < bytes.size() && !problem;) {
    const size_t place = packed->at + at;
    const auto stop = [&](size_t where, std::string_view rule) {
      problem = Problem{where, element_name("credentials.models", names.parts.size()), std::string(rule)};
    };
    if (bytes.size() - at < kLengthSize) {
      stop(place, "the models end inside a length of 4 bytes");
      break;
    }
    size_t size = 0;
    for (size_t i = kLengthSize; i-- > 0;) size = size << 8 | bytes[at + i];
    at += kLengthSize;
    if (size > bytes.size() - at) {
      stop(place, "a model's name ends after " + std::to_string(bytes.size() - at) + " of its " + std::to_string(size) +
                      " bytes (its length is little-endian)");
      break;
    }
    const std::string name(as_text(ByteView(bytes).subspan(at, size)));
    const bool printable = std::ranges::all_of(name, [](char c) { return c >= 0x20 && c <= 0x7e; });
    if (name.empty() || !printable) {
      stop(place + kLengthSize, "a model's name must be printable ASCII and not empty");
    } else if (!names.parts.empty() && name < std::get<std::string>(names.parts.back().value)) {
      stop(place + kLengthSize, "the models must be in ascending order of their bytes");
    } else if (names.parts.size() == wire::kMaxBadgeModels) {
      stop(place, "more than 512 models");
    }
    at += size;
    names.parts.push_back(value_part("", place + kLengthSize, size, name));
  }
  credentials->set(std::move(names));
  return problem;
}

std::optional<Problem> read_error_body(Inspection& in) {
  if (auto problem = read_whole(in, schema::kError, limits::kErrorBody, "an error body")) return problem;
  const Part* const message = in.root.find("message");
  if (message == nullptr || wire::is_utf8(std::get<std::string>(message->value))) return std::nullopt;
  return Problem{message->at, "message", "must be UTF-8 (Error field 1)"};
}

}  // namespace openpcc::inspect::internal
