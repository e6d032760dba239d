// quote.h - the two protobuf messages inside a TPM quote piece: TPMQuoteAttestation and PCRValues.
//
// The PCR values stand beside the signed structure and are not signed themselves: they are worth something only once
// their digest was compared with the quoted one. Source: openpcc attestation/attest/tpm_quote.go.
#pragma once

#include <map>

#include "base/bytes.h"
#include "evidence/evidence.h"

namespace openpcc::evidence {

using PcrValues = std::map<uint32_t, Bytes>;  // index -> value, as received

inline constexpr size_t kMaxPcrs = 64;           // entries of a PCR map
inline constexpr size_t kMaxPcrValueSize = 128;  // bytes of one value; SHA-512 has 64

struct Quote {
  Bytes attest;  // TPMS_ATTEST, without a size prefix
  PcrValues pcr_values;
};

// Piece data of type kTpmQuote. Map entries are written by ascending index.
[[nodiscard]] Bytes encode_quote(const Quote& quote);
// kMalformed also when either field is absent: the official verifier would crash there.
[[nodiscard]] Result<Quote> decode_quote(ByteView bytes);

// PCRValues alone, as router_com hands it to a worker.
[[nodiscard]] Bytes encode_pcr_values(const PcrValues& values);
[[nodiscard]] Result<PcrValues> decode_pcr_values(ByteView bytes);

}  // namespace openpcc::evidence
