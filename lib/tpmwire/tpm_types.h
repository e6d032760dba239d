// tpm_types.h - the numbers of TPM 2.0 that evidence carries (TCG TPM 2.0 Library, Part 2: Structures).
#pragma once

#include "base/bytes.h"

namespace openpcc::tpmwire {

// TPM_ALG_ID (Part 2, 6.3)
inline constexpr uint16_t kAlgRsa = 0x0001;
inline constexpr uint16_t kAlgAes = 0x0006;
inline constexpr uint16_t kAlgSha256 = 0x000b;
inline constexpr uint16_t kAlgSha384 = 0x000c;
inline constexpr uint16_t kAlgSha512 = 0x000d;
inline constexpr uint16_t kAlgNull = 0x0010;
inline constexpr uint16_t kAlgRsassa = 0x0014;
inline constexpr uint16_t kAlgRsaes = 0x0015;
inline constexpr uint16_t kAlgRsapss = 0x0016;
inline constexpr uint16_t kAlgOaep = 0x0017;
inline constexpr uint16_t kAlgEcdsa = 0x0018;
inline constexpr uint16_t kAlgEcdh = 0x0019;
inline constexpr uint16_t kAlgKdf1Sp800_56a = 0x0020;
inline constexpr uint16_t kAlgKdf2 = 0x0021;
inline constexpr uint16_t kAlgKdf1Sp800_108 = 0x0022;
inline constexpr uint16_t kAlgEcc = 0x0023;
inline constexpr uint16_t kAlgCfb = 0x0043;

inline constexpr uint16_t kCurveP256 = 0x0003;  // TPM_ECC_NIST_P256 (Part 2, 6.4)

inline constexpr uint32_t kGeneratedMagic = 0xff544347;  // TPM_GENERATED_VALUE: what a TPM signs only if it made it
inline constexpr uint16_t kAttestQuote = 0x8018;         // TPM_ST_ATTEST_QUOTE
inline constexpr uint16_t kAttestCreation = 0x801a;      // TPM_ST_ATTEST_CREATION
inline constexpr uint32_t kCommandPolicyPcr = 0x0000017f;

// TPMA_OBJECT (Part 2, 8.3)
inline constexpr uint32_t kFixedTpm = 1U << 1;             // the private half never leaves this TPM
inline constexpr uint32_t kStClear = 1U << 2;              // gone after a reset
inline constexpr uint32_t kFixedParent = 1U << 4;          // cannot be moved under another parent
inline constexpr uint32_t kSensitiveDataOrigin = 1U << 5;  // the TPM made the private half
inline constexpr uint32_t kUserWithAuth = 1U << 6;         // a password is enough to use it, without the policy
inline constexpr uint32_t kAdminWithPolicy = 1U << 7;      // administration needs the policy
inline constexpr uint32_t kNoDa = 1U << 10;                // outside the dictionary-attack protection
inline constexpr uint32_t kEncryptedDuplication = 1U << 11;
inline constexpr uint32_t kRestricted = 1U << 16;  // signs only what the TPM made, decrypts only its own format
inline constexpr uint32_t kDecrypt = 1U << 17;
inline constexpr uint32_t kSign = 1U << 18;
inline constexpr uint32_t kX509Sign = 1U << 19;

// The attributes of a request encryption key, exactly (confidentcompute computeboot/tpm.go): userWithAuth clear.
inline constexpr uint32_t kRekAttributes =
    kFixedTpm | kFixedParent | kSensitiveDataOrigin | kAdminWithPolicy | kDecrypt;
// What an attestation key must have: only then does its signature vouch for what the TPM itself made.
inline constexpr uint32_t kAkRequiredAttributes = kFixedTpm | kRestricted | kSign;

// "fixedTPM|restricted|sign": the names of Part 2, for messages. Bits without a name show as "bit 9".
[[nodiscard]] std::string attribute_names(uint32_t attributes);

}  // namespace openpcc::tpmwire
