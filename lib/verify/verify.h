// verify.h - may a prompt be sealed to the key of this node? Checks an evidence list against a policy.
//
// The list is hostile. Every step is returned with its result, in the order it was taken, the first failure ends the
// walk, and only a list that passed every step yields a VerifiedNode, the one object that holds claims. Pure: no I/O,
// clock or globals; thread-safe. Follows openpcc attestation/verify (prod.go, fake.go) and requires more: the exact
// attributes of the REK, those of the attestation key, the magic of each attest structure, the exact PCR selection.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/secret_bytes.h"
#include "evidence/evidence.h"

namespace openpcc::verify {

// Lists
inline constexpr ErrorCode kEmptyList{"verify.empty_list"};               // no piece at all
inline constexpr ErrorCode kTeeNotSupported{"verify.tee_not_supported"};  // a hardware root this build cannot check yet
inline constexpr ErrorCode kDevelopmentRefused{"verify.development_refused"};  // development list, not asked for
inline constexpr ErrorCode kNoRoot{"verify.no_root_of_trust"};     // neither a hardware report nor a development list
inline constexpr ErrorCode kBadPieces{"verify.bad_pieces"};        // a piece too many, missing, twice, or out of place
inline constexpr ErrorCode kBadMac{"verify.bad_development_mac"};  // made with another development secret, or altered
// Attestation key
inline constexpr ErrorCode kBadAk{"verify.bad_ak"};                // does not parse, or its name is not its own
inline constexpr ErrorCode kAkUnsuitable{"verify.ak_unsuitable"};  // not RSA >= 2048 with RSASSA and SHA-256
inline constexpr ErrorCode kAkAttributes{"verify.ak_attributes"};  // could sign structures a TPM did not make
// Certified creation of the REK
inline constexpr ErrorCode kBadCreation{"verify.bad_creation"};              // does not parse
inline constexpr ErrorCode kCreationSignature{"verify.creation_signature"};  // not signed by the attestation key
inline constexpr ErrorCode kCreationMagic{"verify.creation_magic"};          // not made inside a TPM
inline constexpr ErrorCode kCreationType{"verify.creation_type"};            // another kind of attest structure
// Quote
inline constexpr ErrorCode kBadQuote{"verify.bad_quote"};
inline constexpr ErrorCode kQuoteSignature{"verify.quote_signature"};
inline constexpr ErrorCode kQuoteMagic{"verify.quote_magic"};
inline constexpr ErrorCode kQuoteType{"verify.quote_type"};
inline constexpr ErrorCode kQuoteSelection{"verify.quote_selection"};  // quotes other PCRs than the official nine
inline constexpr ErrorCode kPcrIndices{"verify.pcr_indices"};          // values missing, of other PCRs, or not 32 bytes
inline constexpr ErrorCode kPcrDigest{"verify.pcr_digest"};            // the values are not the quoted ones
// REK
inline constexpr ErrorCode kBadRek{"verify.bad_rek"};                // does not parse, or no point of the curve
inline constexpr ErrorCode kRekName{"verify.rek_name"};              // another key than the certified one
inline constexpr ErrorCode kRekUnsuitable{"verify.rek_unsuitable"};  // not ECC P-256, ECDH with SHA-256
inline constexpr ErrorCode kRekAttributes{"verify.rek_attributes"};  // usable without the PCR policy, or movable
inline constexpr ErrorCode kRekPolicy{"verify.rek_policy"};          // bound to other PCR values than the quoted ones
// Policy of the client
inline constexpr ErrorCode kPinnedPcr{"verify.pinned_pcr"};  // a PCR is not what the client pinned

enum class Outcome {
  kPassed,
  kFailed,
  kQuotedNotCompared,         // true as far as the TPM says, but the policy had nothing to compare it with
  kDevelopmentProvesNothing,  // checked against a shared secret; anybody who knows it can make this
  kNotReached,
};

[[nodiscard]] std::string_view outcome_name(Outcome outcome);  // "passed", "failed", "quoted_not_compared", …

struct Step {
  // Stable, for programs: pieces, root, attestation_key, key_creation, quote, pcr_values, encryption_key, key_policy,
  // pinned_pcrs (where the policy pins any), unpinned_pcrs (where it does not pin all).
  std::string name;
  std::string title;  // for people
  Outcome outcome = Outcome::kNotReached;
  std::string detail;  // what was seen, or why it failed; holds no secret
};

using PcrValue = std::array<uint8_t, 32>;

struct Policy {
  // PCR index -> required value. An index outside the nine official ones can never match and is refused.
  std::map<uint32_t, PcrValue> expected_pcrs;
#if OPENPCC_DEV_ATTESTATION
  // Accepts development evidence made with this secret. It proves nothing about the node.
  std::optional<SecretBytes> insecure_development_secret;
#endif
};

// Proof that every step passed; only verify_evidence() makes one.
class VerifiedNode {
 public:
  // 65 bytes, uncompressed P-256 point of the request encryption key. Valid while *this lives.
  [[nodiscard]] const Bytes& rek_point() const { return rek_point_; }
  [[nodiscard]] const std::map<uint32_t, PcrValue>& pcr_values() const { return pcr_values_; }
  // The root of trust was the development one.
  [[nodiscard]] bool insecure_development() const { return development_; }

 private:
  friend class Verifier;
  VerifiedNode() = default;
  Bytes rek_point_;
  std::map<uint32_t, PcrValue> pcr_values_;
  bool development_ = false;
};

struct Verification {
  std::vector<Step> steps;  // the same for every list under one policy; those after a failure are kNotReached
  Result<VerifiedNode> node;
};

[[nodiscard]] Verification verify_evidence(const evidence::List& list, const Policy& policy);

}  // namespace openpcc::verify
