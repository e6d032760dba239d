// evidence.h - the signed evidence list and the quote inside it (PROTOCOL B evidence.proto, H.6, H.8).
//
// Only form is checked here; what a piece proves is decided in lib/evidence and lib/verify.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/bytes.h"
#include "base/limits.h"
#include "wire/errors.h"

namespace openpcc::wire {

// The values on the wire (not the order of the Go constants). An unknown one decodes as kUnspecified.
enum class EvidenceType : int32_t {
  kUnspecified = 0,
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
  kAzureRuntimeData = 18,
  kTeeTickstamp = 19,
};

struct SignedEvidencePiece {
  EvidenceType type = EvidenceType::kUnspecified;
  Bytes data;
  Bytes signature;  // empty where a piece has none
  friend bool operator==(const SignedEvidencePiece&, const SignedEvidencePiece&) = default;
};
using SignedEvidenceList = std::vector<SignedEvidencePiece>;

inline constexpr size_t kMaxEvidenceSize = limits::kEvidenceHandOff;  // encoded list
inline constexpr size_t kMaxEvidencePieces = 64;
inline constexpr size_t kMaxQuoteSize = 16384;  // encoded TpmQuoteAttestation
inline constexpr uint32_t kMaxPcrIndex = 31;

[[nodiscard]] Bytes encode(const SignedEvidencePiece& piece);
[[nodiscard]] Result<SignedEvidencePiece> decode_evidence_piece(ByteView bytes);
[[nodiscard]] Bytes encode(const SignedEvidenceList& list);
[[nodiscard]] Result<SignedEvidenceList> decode_evidence_list(ByteView bytes);

using PcrValues = std::map<uint32_t, Bytes>;  // index to digest

[[nodiscard]] Bytes encode(const PcrValues& values);  // in ascending order of index
// Indexes up to kMaxPcrIndex; a digest is 20, 32, 48 or 64 bytes. An index that comes twice is an error.
[[nodiscard]] Result<PcrValues> decode_pcr_values(ByteView bytes);

struct TpmQuoteAttestation {
  Bytes quote;  // TPMS_ATTEST, without a size in front
  PcrValues pcrs;
  friend bool operator==(const TpmQuoteAttestation&, const TpmQuoteAttestation&) = default;
};

[[nodiscard]] Bytes encode(const TpmQuoteAttestation& quote);
// Both fields must be there.
[[nodiscard]] Result<TpmQuoteAttestation> decode_tpm_quote(ByteView bytes);

// The hand-off from compute_boot to router_com: a big-endian u32 length, then the list (H.8).
[[nodiscard]] Result<Bytes> encode_hand_off(const SignedEvidenceList& list);

// Collects one hand-off frame from a socket.
class HandOffReader {
 public:
  // Takes bytes as they come; kTooLarge as soon as the length says so, kMalformed for bytes after the frame.
  [[nodiscard]] Status feed(ByteView bytes);
  [[nodiscard]] bool complete() const;
  // The list; kTruncated when the frame is not complete.
  [[nodiscard]] Result<SignedEvidenceList> finish() const;

 private:
  // Size of the whole frame, once its length is here.
  [[nodiscard]] std::optional<size_t> wanted() const;

  Bytes bytes_;
  bool overrun_ = false;
};

}  // namespace openpcc::wire
