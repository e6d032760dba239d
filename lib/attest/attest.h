// attest.h - makes the evidence of a compute node: what its TPM says, and what vouches for that TPM.
//
// The TPM's pieces are the same everywhere (openpcc attestation/attest): the certified creation of the request
// encryption key (REK), its public area, and a quote over the official PCRs, all signed by the attestation key (AK).
// Why anybody should believe in that AK is said by the pieces of a RootOfTrust: one class for each kind of hardware, to
// be added beside this file. Blocking; not thread-safe, as Tpm is not.
#pragma once

#include "base/random.h"
#include "evidence/evidence.h"
#include "tpm/tpm.h"

namespace openpcc::attest {

inline constexpr ErrorCode kInconsistent{"attest.inconsistent"};  // the TPM's answers contradict each other
inline constexpr ErrorCode kUnsettled{"attest.unsettled"};        // the PCRs changed between quote and read, repeatedly

struct Keys {
  uint32_t ak = 0;
  tpm::Tpm::RekHandles rek;
};

// Single pieces. Public areas carry the key's Name as their "signature".
[[nodiscard]] Result<evidence::Piece> ak_public_piece(tpm::Tpm& tpm, const Keys& keys);
[[nodiscard]] Result<evidence::Piece> rek_public_piece(tpm::Tpm& tpm, const Keys& keys);
[[nodiscard]] Result<evidence::Piece> rek_creation_piece(tpm::Tpm& tpm, const Keys& keys);
[[nodiscard]] Result<evidence::Piece> quote_piece(tpm::Tpm& tpm, const Keys& keys);

// What a hardware report must carry, so that it vouches for this quote: SHA-256 of the quote piece's signature, then 32
// zero bytes (openpcc attestation/verify/prod.go). The quote must therefore be made first.
using ReportData = std::array<uint8_t, 64>;
[[nodiscard]] Result<ReportData> report_data_for(const evidence::Piece& quote);

class RootOfTrust {
 public:
  virtual ~RootOfTrust() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  // The pieces that vouch for the AK, in the order in which they open the list.
  [[nodiscard]] virtual Result<std::vector<evidence::Piece>> pieces(const ReportData& report_data) = 0;
};

// Root's pieces, REK creation, REK, `more` (image bundle, event log, GPU), quote: the official order.
[[nodiscard]] Result<evidence::List> collect(tpm::Tpm& tpm, const Keys& keys, RootOfTrust& root,
                                             std::vector<evidence::Piece> more = {});

#if OPENPCC_DEV_ATTESTATION
// The official development list of five pieces. It proves nothing: anybody who knows `secret` can make one.
[[nodiscard]] Result<evidence::List> insecure_development_list(tpm::Tpm& tpm, const Keys& keys, ByteView secret,
                                                               const RandomSource& random = system_random);
#endif

}  // namespace openpcc::attest
