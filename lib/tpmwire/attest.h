// attest.h - TPMS_ATTEST and TPMT_SIGNATURE: what an attestation key signs, and the signature (Part 2, 10.12, 11.3).
//
// Only the two kinds the evidence carries: quote and creation. The magic must be TPM_GENERATED (the official client
// does not look): without it a restricted key's signature proves nothing. Input is hostile; the rules are those of
// public_area.h. Pure, thread-safe.
#pragma once

#include "tpmwire/pcr.h"
#include "tpmwire/public_area.h"

namespace openpcc::tpmwire {

inline constexpr ErrorCode kBadMagic{"tpmwire.bad_magic"};  // not made inside a TPM

inline constexpr size_t kMaxAttestBytes = 1024;     // more than any TPMS_ATTEST accepted here
inline constexpr size_t kMaxSignatureBytes = 1024;  // more than any TPMT_SIGNATURE accepted here

struct QuoteInfo {
  PcrSelectionList selection;
  Bytes pcr_digest;  // 32 bytes: the quotes of this project are SHA-256
  friend bool operator==(const QuoteInfo&, const QuoteInfo&) = default;
};

struct CreationInfo {
  Bytes object_name;
  Bytes creation_hash;
  friend bool operator==(const CreationInfo&, const CreationInfo&) = default;
};

struct Attest {
  Bytes qualified_signer;  // TPM2B_NAME
  Bytes extra_data;        // the verifier's nonce; empty in official evidence
  uint64_t clock = 0;      // milliseconds
  uint32_t reset_count = 0;
  uint32_t restart_count = 0;
  bool clock_safe = false;
  uint64_t firmware_version = 0;
  std::variant<QuoteInfo, CreationInfo> attested;
  friend bool operator==(const Attest&, const Attest&) = default;
};

// Reads one whole TPMS_ATTEST. The signature is over exactly these bytes.
[[nodiscard]] Result<Attest> parse_attest(ByteView bytes);
// As part of something larger; see read_public() for where the reader stands after an error.
[[nodiscard]] Result<Attest> read_attest(ByteReader& reader);
// Reads one whole TPM2B_ATTEST; the signature is over sized_content(bytes, kMaxAttestBytes).
[[nodiscard]] Result<Attest> parse_sized_attest(ByteView bytes);
[[nodiscard]] Bytes marshal_attest(const Attest& attest);

// TPMT_SIGNATURE with RSASSA and SHA-256: 0014 000B size signature. Anything else is kUnsupported.
struct RsassaSignature {
  Bytes signature;
  friend bool operator==(const RsassaSignature&, const RsassaSignature&) = default;
};
[[nodiscard]] Result<RsassaSignature> parse_signature(ByteView bytes);
[[nodiscard]] Result<RsassaSignature> read_signature(ByteReader& reader);
[[nodiscard]] Bytes marshal_signature(const RsassaSignature& signature);

}  // namespace openpcc::tpmwire
