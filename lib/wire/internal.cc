#include "wire/internal.h"

#include <optional>

#include "wire/utf8.h"

namespace openpcc::wire::internal {

namespace {

// A protobuf varint (base 128, low group first), not a QUIC one.
std::optional<uint64_t> take_base128(ByteView& bytes) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const uint8_t byte = bytes[0];
    bytes = bytes.subspan(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

bool skip(ByteView& bytes, uint64_t count) {
  if (count > bytes.size()) return false;
  bytes = bytes.subspan(static_cast<size_t>(count));
  return true;
}

}  // namespace

Result<std::vector<ByteView>> split_list(ByteView bytes, size_t cap, size_t max_count, std::string_view what) {
  const auto malformed = [&] { return fail(kMalformed, std::string(what) + ": not a protobuf message of this type"); };
  if (bytes.size() > cap) {
    return fail(kTooLarge, std::string(what) + ": more than " + std::to_string(cap) + " bytes");
  }
  std::vector<ByteView> items;
  while (!bytes.empty()) {
    const auto tag = take_base128(bytes);
    if (!tag || *tag >> 3 == 0 || *tag > UINT32_MAX) return malformed();
    switch (*tag & 7) {
      case 0:
        if (!take_base128(bytes)) return malformed();
        break;
      case 1:
        if (!skip(bytes, 8)) return malformed();
        break;
      case 5:
        if (!skip(bytes, 4)) return malformed();
        break;
      case 2: {
        const auto size = take_base128(bytes);
        const ByteView rest = bytes;
        if (!size || !skip(bytes, *size)) return malformed();
        if (*tag >> 3 != 1) break;
        if (items.size() == max_count) {
          return fail(kTooLarge, std::string(what) + ": more than " + std::to_string(max_count) + " elements");
        }
        items.push_back(rest.first(static_cast<size_t>(*size)));
        break;
      }
      default:
        return malformed();  // groups: nobody sends them
    }
  }
  return items;
}

Result<UuidV7> parse_id(const std::string& text, std::string_view what) {
  auto id = UuidV7::parse(text);
  if (!id) return invalid(what, "the id is not a canonical UUIDv7");
  return *id;
}

Result<Tags> parse_tags(const google::protobuf::RepeatedPtrField<std::string>& strings, std::string_view what) {
  if (static_cast<size_t>(strings.size()) > limits::kTags) {
    return fail(kTooLarge, std::string(what) + ": more than " + std::to_string(limits::kTags) + " tags");
  }
  Tags tags;
  for (const std::string& tag : strings) {
    if (!is_utf8(tag)) return fail(kMalformed, std::string(what) + ": a tag is not UTF-8");
    if (!tags.add(tag)) return invalid(what, "a tag is longer than 512 bytes");
  }
  return tags;
}

void fill(const Tags& tags, google::protobuf::RepeatedPtrField<std::string>& out) {
  for (const std::string& tag : tags.all()) *out.Add() = tag;
}

void fill(const SignedEvidencePiece& piece, csprotos::SignedEvidencePiece& out) {
  const auto type = static_cast<int>(piece.type);
  out.set_type(csprotos::EvidenceType_IsValid(type) ? static_cast<csprotos::EvidenceType>(type)
                                                    : csprotos::EVIDENCE_TYPE_UNSPECIFIED);
  out.set_data(to_string(piece.data));
  out.set_signature(to_string(piece.signature));
}

void fill(const SignedEvidenceList& list, csprotos::SignedEvidenceList& out) {
  for (const SignedEvidencePiece& piece : list) fill(piece, *out.add_items());
}

SignedEvidencePiece piece_of(const csprotos::SignedEvidencePiece& piece) {
  return {static_cast<EvidenceType>(piece.type()), from_string(piece.data()), from_string(piece.signature())};
}

Result<SignedEvidenceList> list_of(const csprotos::SignedEvidenceList& list) {
  if (static_cast<size_t>(list.items_size()) > kMaxEvidencePieces) {
    return fail(kTooLarge, "evidence: more than " + std::to_string(kMaxEvidencePieces) + " pieces");
  }
  SignedEvidenceList pieces;
  pieces.reserve(static_cast<size_t>(list.items_size()));
  for (const auto& piece : list.items()) pieces.push_back(piece_of(piece));
  return pieces;
}

}  // namespace openpcc::wire::internal
