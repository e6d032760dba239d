#include "attest/attest.h"

#include <algorithm>

#include "crypto/digest.h"
#include "tpmwire/attest.h"
#include "wire/evidence.h"

namespace openpcc::attest {

using evidence::Piece;
using evidence::Type;

namespace {

Result<Piece> public_piece(tpm::Tpm& tpm, uint32_t handle, Type type) {
  OPENPCC_TRY(tpm::Tpm::PublicAndName key, tpm.read_public(handle));
  OPENPCC_TRY(const tpmwire::PublicArea area, tpmwire::parse_public(key.public_area));
  OPENPCC_TRY(const Bytes name, tpmwire::object_name(area));
  if (name != key.name) return fail(kInconsistent, "the TPM gave a key another name than its public area has");
  return Piece{type, std::move(key.public_area), std::move(key.name)};
}

wire::PcrValues plain(const tpmwire::PcrValues& values) {
  wire::PcrValues out;
  for (const auto& [index, value] : values) out.emplace(index, to_bytes(value));
  return out;
}

}  // namespace

Result<Piece> ak_public_piece(tpm::Tpm& tpm, const Keys& keys) {
  return public_piece(tpm, keys.ak, Type::kAkTpmtPublic);
}

Result<Piece> rek_public_piece(tpm::Tpm& tpm, const Keys& keys) {
  return public_piece(tpm, keys.rek.rek, Type::kTpmtPublic);
}

Result<Piece> rek_creation_piece(tpm::Tpm& tpm, const Keys& keys) {
  OPENPCC_TRY(tpm::Attestation made, tpm.certify_creation(keys.ak, keys.rek));
  // With the size in front: a TPM2B_ATTEST. The quote goes without.
  Bytes sized;
  append_u16(sized, static_cast<uint16_t>(made.attest.size()));
  append(sized, made.attest);
  return Piece{Type::kCertifyRekCreation, std::move(sized), std::move(made.signature)};
}

Result<Piece> quote_piece(tpm::Tpm& tpm, const Keys& keys) {
  // Quote and values come from different commands: a PCR may have been extended in between.
  constexpr int kAttempts = 5;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    OPENPCC_TRY(tpm::Attestation made, tpm.quote(keys.ak, tpmwire::official_selection()));
    OPENPCC_TRY(const tpmwire::PcrValues values, tpm.read_pcrs(tpmwire::kOfficialPcrs));
    OPENPCC_TRY(const tpmwire::Attest attest, tpmwire::parse_attest(made.attest));
    const auto* quote = std::get_if<tpmwire::QuoteInfo>(&attest.attested);
    if (quote == nullptr || quote->selection != tpmwire::official_selection()) {
      return fail(kInconsistent, "the TPM quoted something else than was asked for");
    }
    OPENPCC_TRY(const tpmwire::Digest digest, tpmwire::pcr_digest(values));
    if (quote->pcr_digest != to_bytes(digest)) continue;
    return Piece{Type::kTpmQuote, wire::encode(wire::TpmQuoteAttestation{std::move(made.attest), plain(values)}),
                 std::move(made.signature)};
  }
  return fail(kUnsettled, "the PCRs change faster than they can be read and quoted");
}

Result<ReportData> report_data_for(const Piece& quote) {
  OPENPCC_TRY(const crypto::Sha256Digest digest, crypto::sha256(quote.signature));
  ReportData out{};
  std::ranges::copy(digest, out.begin());
  return out;
}

Result<evidence::List> collect(tpm::Tpm& tpm, const Keys& keys, RootOfTrust& root, std::vector<Piece> more) {
  OPENPCC_TRY(Piece quote, quote_piece(tpm, keys));
  OPENPCC_TRY(const ReportData report_data, report_data_for(quote));
  OPENPCC_TRY(std::vector<Piece> pieces, root.pieces(report_data));
  OPENPCC_TRY(Piece creation, rek_creation_piece(tpm, keys));
  OPENPCC_TRY(Piece rek, rek_public_piece(tpm, keys));
  pieces.push_back(std::move(creation));
  pieces.push_back(std::move(rek));
  for (Piece& piece : more) pieces.push_back(std::move(piece));
  pieces.push_back(std::move(quote));
  return evidence::List::from(std::move(pieces));
}

#if OPENPCC_DEV_ATTESTATION
Result<evidence::List> insecure_development_list(tpm::Tpm& tpm, const Keys& keys, ByteView secret,
                                                 const RandomSource& random) {
  // Fixed places (confidentcompute computeboot/evidence_fake.go). The AK's type is zero so that nobody takes it for the
  // REK.
  OPENPCC_TRY(Piece ak, ak_public_piece(tpm, keys));
  ak.type = Type::kUnspecified;
  OPENPCC_TRY(Piece creation, rek_creation_piece(tpm, keys));
  OPENPCC_TRY(Piece quote, quote_piece(tpm, keys));
  OPENPCC_TRY(Piece rek, rek_public_piece(tpm, keys));
  constexpr size_t kRandomSize = 128;
  Piece fake{Type::kUnspecified, Bytes(kRandomSize), {}};
  OPENPCC_TRY_STATUS(random(fake.data));
  OPENPCC_TRY(const crypto::Sha256Digest mac, crypto::hmac_sha256(secret, fake.data));
  fake.signature = to_bytes(mac);
  return evidence::List::from({std::move(ak), std::move(creation), std::move(quote), std::move(rek), std::move(fake)});
}
#endif

}  // namespace openpcc::attest
