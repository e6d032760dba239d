// Evidence lists, and what the pieces hold: as its own kind, in manifests and in heartbeats.
#include "evidence/evidence.h"

#include "inspect/internal.h"
#include "inspect/schema.h"
#include "inspect/tpm.h"
#include "tpmwire/attest.h"

namespace openpcc::inspect::internal {

using protobuf::Place;
using protobuf::Walker;
using wire::EvidenceType;

namespace {

Place place_of(const Part& part) {
  return {part.at, part.size};
}

evidence::Piece piece_of(const Part& part) {
  evidence::Piece piece;
  piece.type = static_cast<EvidenceType>(number_of(part, "type"));
  if (const Bytes* const data = bytes_of(part, "data")) piece.data = *data;
  if (const Bytes* const signature = bytes_of(part, "signature")) piece.signature = *signature;
  return piece;
}

// What is the place of a field, or of its absence.
Place field_place(const Part& piece, std::string_view field) {
  const Part* const part = piece.find(field);
  return part == nullptr ? Place{piece.at, 0} : place_of(*part);
}

// Reads the pieces of one list; what it finds goes to the inspection.
class Pieces {
 public:
  Pieces(Inspection& in, std::string list) : in_(in), list_(std::move(list)) {}

  void look_into(Part& list) {
    for (size_t i = 0; i < list.parts.size(); ++i) {
      name_ = element_name(list_, i);
      look_into_piece(list.parts[i]);
    }
  }

 private:
  // `refused`: what the parser of lib/tpmwire or lib/wire says. Where the two differ, this library is wrong.
  bool add(std::string_view where, std::optional<Problem> problem, bool refused) {
    if (problem.has_value() != refused) in_.disagreement = true;
    if (problem) in_.problems.push_back(within(name_, within(where, std::move(*problem))));
    return !refused;
  }

  void look_into_piece(Part& piece) {
    const auto type = static_cast<EvidenceType>(number_of(piece, "type"));
    const Place type_place = field_place(piece, "type");
    piece.add_after("type", value_part("type_name", type_place.at, type_place.size, evidence::type_name(type)));
    const Place data = field_place(piece, "data");
    const ByteView bytes = in_.object.subspan(data.at, data.size);
    Part content = object_part("content", data.at, data.size);
    switch (type) {
      case EvidenceType::kTpmtPublic:
      case EvidenceType::kAkTpmtPublic:
        add("data", read_public_area(in_.object, data, content), !tpmwire::parse_public(bytes));
        compare_names(piece, content);
        break;
      case EvidenceType::kUnspecified:
        // In a development list the attestation key has no type; other pieces without one are opaque.
        if (read_public_area(in_.object, data, content)) return;
        compare_names(piece, content);
        break;
      case EvidenceType::kCertifyRekCreation:
        add("data", read_sized_attest(in_.object, data, content), !tpmwire::parse_sized_attest(bytes));
        look_into_signature(piece);
        break;
      case EvidenceType::kTpmQuote:
        look_into_quote(data, content);
        look_into_signature(piece);
        break;
      default:
        return;
    }
    piece.add_after("data", std::move(content));
  }

  void look_into_signature(Part& piece) {
    const Place place = field_place(piece, "signature");
    Part content = object_part("signature_content", place.at, place.size);
    add("signature", read_tpm_signature(in_.object, place, content),
        !tpmwire::parse_signature(in_.object.subspan(place.at, place.size)));
    piece.add_after("signature", std::move(content));
  }

  // The name beside a key must be its own. It is not signed, and not what a verifier relies on.
  static void compare_names(const Part& piece, Part& content) {
    const Bytes* const own = bytes_of(content, "object_name");
    const Bytes* const beside = bytes_of(piece, "signature");
    if (own == nullptr) return;
    const Place place = field_place(piece, "signature");
    content.set(value_part("name_is_signature", place.at, place.size, beside != nullptr && *own == *beside));
  }

  void look_into_quote(Place data, Part& content) {
    const ByteView bytes = in_.object.subspan(data.at, data.size);
    std::optional<Problem> problem;
    if (data.size > wire::kMaxQuoteSize) {
      problem = Problem{data.at + wire::kMaxQuoteSize, {}, "a TPM quote of more than 16384 bytes"};
    } else {
      problem = Walker(in_.object).message(schema::kTpmQuoteAttestation, data, content);
    }
    if (!problem) problem = check_quote(content);
    if (!add("data", std::move(problem), !wire::decode_tpm_quote(bytes))) return;
    const Place quote = field_place(content, "quote");
    Part attest = object_part("attest", quote.at, quote.size);
    add("data.quote", read_attest(in_.object, quote, attest),
        !tpmwire::parse_attest(in_.object.subspan(quote.at, quote.size)));
    content.set(std::move(attest));
  }

  static std::optional<Problem> check_quote(const Part& quote) {
    if (quote.find("quote") == nullptr) return Problem{quote.at, "quote", "is missing (TPMQuoteAttestation field 1)"};
    const Part* const pcrs = quote.find("pcr_values");
    if (pcrs == nullptr) return Problem{quote.at, "pcr_values", "are missing (TPMQuoteAttestation field 2)"};
    const Part* const values = pcrs->find("values");
    if (values == nullptr) return std::nullopt;
    uint64_t seen = 0;
    for (size_t i = 0; i < values->parts.size(); ++i) {
      const Part& entry = values->parts[i];
      const Part* const key = entry.find("key");
      const uint64_t index = key == nullptr ? 0 : std::get<uint64_t>(key->value);
      const Place value = field_place(entry, "value");
      const char* rule = nullptr;
      if (value.size != 20 && value.size != 32 && value.size != 48 && value.size != 64) {
        rule = "the value of a PCR is a digest: 20, 32, 48 or 64 bytes (PCRValues)";
      } else if (index > wire::kMaxPcrIndex) {
        rule = "the index of a PCR is at most 31 (PCRValues)";
      } else if ((seen >> index & 1) != 0) {
        rule = "the index of a PCR comes twice (PCRValues)";
      }
      if (rule != nullptr) return Problem{entry.at, element_name("pcr_values.values", i), rule};
      seen |= uint64_t{1} << index;
    }
    return std::nullopt;
  }

  Inspection& in_;
  std::string list_;
  std::string name_;
};

void look_into_list(Inspection& in, Part* evidence, const std::string& where) {
  Part* const items = evidence == nullptr ? nullptr : evidence->find("items");
  if (items != nullptr) Pieces(in, where + "items").look_into(*items);
}

}  // namespace

std::optional<Problem> read_evidence(Inspection& in) {
  if (auto problem = check_size(in, wire::kMaxEvidenceSize, "an evidence list")) return problem;
  Walker walker(in.object);
  std::vector<Place> elements;
  auto problem = walker.split(schema::kSignedEvidenceList, in.whole(), wire::kMaxEvidencePieces, elements);
  Part& items = in.root.set(list_part("items", 0, in.object.size()));
  evidence::List list;
  for (size_t i = 0; i < elements.size(); ++i) {
    Part& piece = items.parts.emplace_back(object_part("", elements[i].at, elements[i].size));
    auto bad_piece = walker.message(schema::kSignedEvidencePiece, elements[i], piece);
    if (elements[i].cut) break;
    if (!bad_piece) {
      const Status status = list.add(piece_of(piece));
      if (!status) bad_piece = Problem{piece.at, {}, status.error().message};
    }
    if (bad_piece) {
      problem = within(element_name("items", i), std::move(*bad_piece));
      break;
    }
  }
  in.known_fields = walker.known_fields();
  in.unknown_fields = walker.unknown_fields();
  return problem;
}

void look_into_evidence(Inspection& in) {
  look_into_list(in, &in.root, "");
}

void look_into_manifests(Inspection& in) {
  Part& manifests = *in.root.find("items");
  for (size_t i = 0; i < manifests.parts.size(); ++i) {
    look_into_list(in, manifests.parts[i].find("evidence"), element_name("items", i) + ".evidence.");
  }
}

void look_into_node_event(Inspection& in) {
  Part* const heartbeat = in.root.find("heartbeat");
  Part* const info = heartbeat == nullptr ? nullptr : heartbeat->find("routing_info");
  if (info != nullptr) look_into_list(in, info->find("evidence"), "heartbeat.routing_info.evidence.");
}

}  // namespace openpcc::inspect::internal
