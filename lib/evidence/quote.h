// quote.h - the content of a TPM quote piece, by its parts (TPMQuoteAttestation of lib/wire).
//
// The PCR values stand beside the signed structure and are not signed themselves: they are worth something only once
// their digest was compared with the quoted one. Source: openpcc attestation/attest/tpm_quote.go.
#pragma once

#include "wire/evidence.h"

namespace openpcc::evidence {

using PcrValues = wire::PcrValues;  // index -> value, as received

struct Quote {
  Bytes attest;  // TPMS_ATTEST, without a size in front
  PcrValues pcr_values;
};

[[nodiscard]] inline Bytes encode_quote(const Quote& quote) {
  return wire::encode(wire::TpmQuoteAttestation{quote.attest, quote.pcr_values});
}
// Both parts must be there: the official verifier would crash without.
[[nodiscard]] inline Result<Quote> decode_quote(ByteView bytes) {
  OPENPCC_TRY(auto message, wire::decode_tpm_quote(bytes));
  return Quote{std::move(message.quote), std::move(message.pcrs)};
}

}  // namespace openpcc::evidence
