// What kind of list this is, and its root of trust. Today the only root is the development one, which proves nothing.
#include "crypto/digest.h"
#include "verify/verifier.h"

namespace openpcc::verify {
namespace {

using evidence::Type;

// What a hardware root of trust is called, for the pieces that carry one; empty for the others.
std::string_view tee_of(Type type) {
  switch (type) {
    case Type::kSevSnpReport:
      return "SEV-SNP";
    case Type::kSevSnpExtendedReport:
      return "SEV-SNP (extended report)";
    case Type::kTdxReport:
      return "TDX";
    default:
      return {};
  }
}

// The official development list is positional (confidentcompute computeboot/evidence_fake.go): the type of the
// attestation key is forced to 0, and 0 is also what the MAC piece has.
constexpr std::array kDevelopmentOrder = {Type::kUnspecified, Type::kCertifyRekCreation, Type::kTpmQuote,
                                          Type::kTpmtPublic, Type::kUnspecified};

}  // namespace

Result<std::string> Verifier::check_pieces() {
  const auto& pieces = list_.pieces();
  if (pieces.empty()) return fail(kEmptyList, "the node offers no evidence");
  for (const auto& piece : pieces) {
    // Which pieces such a list must have is for its own verifier to say; check_root() refuses it.
    if (!tee_of(piece.type).empty()) return std::to_string(pieces.size()) + " pieces";
  }
  if (list_.count(Type::kUnspecified) == 0) {
    return fail(kNoRoot, "no hardware report among the " + std::to_string(pieces.size()) + " pieces");
  }
  if (pieces.size() != kDevelopmentOrder.size()) {
    return fail(kBadPieces, "a development list has 5 pieces, this one " + std::to_string(pieces.size()));
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].type != kDevelopmentOrder[i]) {
      return fail(kBadPieces, "piece " + std::to_string(i + 1) + " of a development list is " +
                                  evidence::type_name(kDevelopmentOrder[i]) + ", here " +
                                  evidence::type_name(pieces[i].type));
    }
  }
  ak_piece_ = &pieces[0];
  creation_piece_ = &pieces[1];
  quote_piece_ = &pieces[2];
  rek_piece_ = &pieces[3];
  mac_piece_ = &pieces[4];
  return "5 pieces, in the order of a development list";
}

Result<std::string> Verifier::check_root() {
  if (mac_piece_ == nullptr) {
    for (const auto& piece : list_.pieces()) {
      if (const auto tee = tee_of(piece.type); !tee.empty()) {
        return fail(kTeeNotSupported, "not supported yet: " + std::string(tee) + " evidence");
      }
    }
    return fail(kNoRoot, "no root of trust");
  }
#if OPENPCC_DEV_ATTESTATION
  if (!policy_.insecure_development_secret) {
    return fail(kDevelopmentRefused, "development evidence, which proves nothing and was not asked for");
  }
  OPENPCC_TRY(const auto mac, crypto::hmac_sha256(policy_.insecure_development_secret->view(), mac_piece_->data));
  if (!equal_constant_time(mac, mac_piece_->signature)) {
    return fail(kBadMac, "the development MAC was made with another secret, or altered");
  }
  development_ = true;
  return "development: proves nothing";
#else
  return fail(kDevelopmentRefused, "development evidence, which proves nothing; this build never accepts it");
#endif
}

}  // namespace openpcc::verify
