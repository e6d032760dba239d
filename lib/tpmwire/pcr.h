// pcr.h - platform configuration registers: selections, values, the digest a quote signs, and the policy that binds a
// key to them (TCG TPM 2.0 Library, Part 2, 10.9; Part 3, 23.7).
//
// The official selection is fixed (openpcc attestation/evidence/evidence.go): SHA-256 bank, PCRs 0, 1, 2, 3, 4, 5, 7, 8
// and 12. PCR 12 holds which models the node serves. Pure, thread-safe.
#pragma once

#include <map>

#include "base/byte_io.h"
#include "tpmwire/tpm_types.h"

namespace openpcc::tpmwire {

inline constexpr ErrorCode kBadPcrs{"tpmwire.bad_pcrs"};  // no value, too many, an index above 31, or a wrong length
inline constexpr ErrorCode kNoDigest{
    "tpmwire.no_digest"};  // the system gave no SHA-256 (no memory): nothing can be decided

inline constexpr std::array<uint32_t, 9> kOfficialPcrs = {0, 1, 2, 3, 4, 5, 7, 8, 12};
inline constexpr uint32_t kModelPcr = 12;
inline constexpr size_t kMaxPcrIndex = 31;
inline constexpr size_t kMaxPcrBanks = 16;  // HASH_COUNT of the standard

using Digest = std::array<uint8_t, 32>;        // SHA-256
using PcrValues = std::map<uint32_t, Digest>;  // index to value, in ascending order

// TPMS_PCR_SELECTION: bit n of byte n / 8 stands for PCR n.
struct PcrSelection {
  uint16_t hash = kAlgSha256;
  Bytes bitmap;  // 3 or 4 bytes
  friend bool operator==(const PcrSelection&, const PcrSelection&) = default;
};
using PcrSelectionList = std::vector<PcrSelection>;

// One SHA-256 bank with these PCRs, none above kMaxPcrIndex. The bitmap has at least three bytes.
[[nodiscard]] PcrSelectionList select_pcrs(std::span<const uint32_t> indices);
[[nodiscard]] PcrSelectionList official_selection();

[[nodiscard]] Result<PcrSelectionList> parse_selection(ByteView bytes);     // one whole TPML_PCR_SELECTION
[[nodiscard]] Result<PcrSelectionList> read_selection(ByteReader& reader);  // as part of something larger
void append_selection(Bytes& out, const PcrSelectionList& list);
[[nodiscard]] Bytes marshal_selection(const PcrSelectionList& list);

// From the map of a TPMQuoteAttestation. kBadPcrs unless there is at least one value, each of 32 bytes.
[[nodiscard]] Result<PcrValues> pcr_values_from(const std::map<uint32_t, Bytes>& values);

// SHA-256 over the values in ascending order of index: what a quote over these PCRs carries.
[[nodiscard]] Result<Digest> pcr_digest(const PcrValues& values);

// The policy digest of one TPM2_PolicyPCR over these PCRs with these values: the authPolicy of a request encryption
// key.
[[nodiscard]] Result<Digest> policy_pcr_digest(const PcrValues& values);

// What a PCR holds after it was extended once with `digest`: SHA-256(before, digest).
[[nodiscard]] Result<Digest> extended(const Digest& before, const Digest& digest);

}  // namespace openpcc::tpmwire
