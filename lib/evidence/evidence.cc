#include "evidence/evidence.h"

#include <algorithm>

namespace openpcc::evidence {
namespace {

// What a piece adds to the encoded list, at most: both contents, and tags and lengths of the three fields and of the
// piece itself.
size_t encoded_size(const Piece& piece) {
  constexpr size_t kOverhead = 32;
  return piece.data.size() + piece.signature.size() + kOverhead;
}

}  // namespace

std::string type_name(Type type) {
  switch (type) {
    case Type::kUnspecified:
      return "unspecified";
    case Type::kCertifyRekCreation:
      return "certificate of the REK's creation";
    case Type::kGceAkCertificate:
      return "GCE AK certificate";
    case Type::kTpmtPublic:
      return "REK public area";
    case Type::kSevSnpReport:
      return "SEV-SNP report";
    case Type::kTdxReport:
      return "TDX report";
    case Type::kNvidiaEta:
      return "NVIDIA token";
    case Type::kGceAkIntermediateCertificate:
      return "GCE AK intermediate certificate";
    case Type::kNvidiaIntermediateCertificate:
      return "NVIDIA intermediate certificate";
    case Type::kAzureAkCertificate:
      return "Azure AK certificate";
    case Type::kEventLog:
      return "event log";
    case Type::kTpmQuote:
      return "TPM quote";
    case Type::kImageSigstoreBundle:
      return "image sigstore bundle";
    case Type::kTdxCollateral:
      return "TDX collateral";
    case Type::kNvidiaSwitchEta:
      return "NVIDIA switch token";
    case Type::kNvidiaSwitchIntermediateCertificate:
      return "NVIDIA switch intermediate certificate";
    case Type::kSevSnpExtendedReport:
      return "SEV-SNP extended report";
    case Type::kAkTpmtPublic:
      return "AK public area";
    case Type::kAzureRuntimeData:
      return "Azure runtime data";
    case Type::kTeeTickstamp:
      return "TEE tickstamp";
  }
  return "type " + std::to_string(static_cast<int32_t>(type));
}

Result<List> List::from(std::vector<Piece> pieces) {
  List list;
  for (Piece& piece : pieces) OPENPCC_TRY_STATUS(list.add(std::move(piece)));
  return list;
}

Status List::add(Piece piece) {
  if (pieces_.size() >= kMaxPieces) return fail(kTooLarge, "more than " + std::to_string(kMaxPieces) + " pieces");
  if (piece.data.size() > kMaxPieceSize || piece.signature.size() > kMaxPieceSize) {
    return fail(kTooLarge, "a piece of evidence is larger than " + std::to_string(kMaxPieceSize) + " bytes");
  }
  const size_t size = encoded_size(piece);
  if (size > kMaxListSize - encoded_size_) {
    return fail(kTooLarge, "the evidence is larger than " + std::to_string(kMaxListSize) + " bytes");
  }
  encoded_size_ += size;
  pieces_.push_back(std::move(piece));
  return {};
}

size_t List::count(Type type) const {
  return static_cast<size_t>(std::ranges::count(pieces_, type, &Piece::type));
}

const Piece* List::find(Type type) const {
  const auto it = std::ranges::find(pieces_, type, &Piece::type);
  return it == pieces_.end() ? nullptr : &*it;
}

Bytes encode(const List& list) {
  return wire::encode(list.pieces());
}

Result<List> decode(ByteView bytes) {
  auto pieces = wire::decode_evidence_list(bytes);
  if (!pieces) {
    return fail(pieces.error().code == wire::kTooLarge ? kTooLarge : kMalformed, std::move(pieces.error().message));
  }
  return List::from(std::move(*pieces));
}

}  // namespace openpcc::evidence
