// evidence.h - the list of evidence pieces a compute node offers, and its protobuf form (SignedEvidenceList).
//
// Everything here is controlled by the node and proves nothing by itself: only verify/verify.h decides. The list keeps
// the order, the duplicates and the unknown types of what was received, so that a verifier sees them. Pure values,
// thread-safe. Source: openpcc gen/protos/evidence, attestation/evidence/evidence.go.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace openpcc::evidence {

inline constexpr ErrorCode kMalformed{"evidence.malformed"};  // not a SignedEvidenceList, or not a TPMQuoteAttestation
inline constexpr ErrorCode kTooLarge{"evidence.too_large"};   // more pieces or bytes than the caps below allow

inline constexpr size_t kMaxPieces = 64;             // the longest official list has 12
inline constexpr size_t kMaxPieceSize = 512 * 1024;  // data or signature; event logs and collateral are the largest
inline constexpr size_t kMaxListSize = 1024 * 1024;  // encoded, as the evidence hand-off allows (routercom/evidence)

// Wire values of EvidenceType. The constants of the Go program have other numbers; only these are sent. A value
// outside the list stays what it was on the wire.
enum class Type : int32_t {
  kUnspecified = 0,  // also both ends of a development list
  kCertifyRekCreation = 1,
  kGceAkCertificate = 2,
  kTpmtPublic = 3,
  kSevSnpReport = 4,
  kTdxReport = 5,
  kNvidiaEta = 6,
  kGceAkIntermediateCertificate = 7,
  kNvidiaIntermediateCertificate = 8,
  kAzureAkCertificate = 9,
  kEventLog = 10,
  kTpmQuote = 11,
  kImageSigstoreBundle = 12,
  kTdxCollateral = 13,
  kNvidiaSwitchEta = 14,
  kNvidiaSwitchIntermediateCertificate = 15,
  kSevSnpExtendedReport = 16,
  kAkTpmtPublic = 17,
  kAzureCvmRuntimeData = 18,
  kTeeTickstamp = 19,
};

// Short name for people ("TPM quote"); "type N" for a value that has none.
[[nodiscard]] std::string type_name(Type type);

struct Piece {
  Type type = Type::kUnspecified;
  Bytes data;
  Bytes signature;
  friend bool operator==(const Piece&, const Piece&) = default;
};

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

// The protobuf form, every field present, as the official node sends it.
[[nodiscard]] Bytes encode(const List& list);
// Takes at most kMaxListSize bytes. Absent fields read as zero or empty; unknown fields are ignored.
[[nodiscard]] Result<List> decode(ByteView bytes);

}  // namespace openpcc::evidence
