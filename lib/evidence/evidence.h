// evidence.h - the list of evidence pieces a compute node offers, within its caps.
//
// Everything here is controlled by the node and proves nothing by itself: only verify/verify.h decides. The list keeps
// the order and the duplicates of what was received, so that a verifier sees them. Pure values, thread-safe. The
// protobuf form is that of lib/wire. Source: openpcc attestation/evidence/evidence.go.
#pragma once

#include <string>

#include "wire/evidence.h"

namespace openpcc::evidence {

inline constexpr ErrorCode kMalformed{"evidence.malformed"};  // not a SignedEvidenceList
inline constexpr ErrorCode kTooLarge{"evidence.too_large"};   // more pieces or bytes than the caps below allow

inline constexpr size_t kMaxPieces = wire::kMaxEvidencePieces;  // the longest official list has 12
inline constexpr size_t kMaxPieceSize = 512 * 1024;             // data or signature; event logs are the largest
inline constexpr size_t kMaxListSize = wire::kMaxEvidenceSize;  // encoded, as the hand-off to router_com allows

// A value that is not on the list of types reads as kUnspecified, as in the official programs.
using Type = wire::EvidenceType;
using Piece = wire::SignedEvidencePiece;

// Short name for people ("TPM quote"); "type N" for a value that has none.
[[nodiscard]] std::string type_name(Type type);

class List {
 public:
  List() = default;
  // kTooLarge when a cap is exceeded.
  [[nodiscard]] static Result<List> from(std::vector<Piece> pieces);
  // kTooLarge, and the list unchanged, when a cap would be exceeded.
  [[nodiscard]] Status add(Piece piece);

  [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }
  [[nodiscard]] size_t size() const { return pieces_.size(); }
  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  // Pieces of this type. More than one is never resolved silently: see find().
  [[nodiscard]] size_t count(Type type) const;
  // The first piece of this type, or null. Valid until the list changes.
  [[nodiscard]] const Piece* find(Type type) const;
  friend bool operator==(const List&, const List&) = default;

 private:
  std::vector<Piece> pieces_;
  size_t encoded_size_ = 0;
};

// SignedEvidenceList, every field present, as the official node sends it.
[[nodiscard]] Bytes encode(const List& list);
// Takes at most kMaxListSize bytes. Absent fields read as zero or empty; unknown fields are ignored.
[[nodiscard]] Result<List> decode(ByteView bytes);

}  // namespace openpcc::evidence
