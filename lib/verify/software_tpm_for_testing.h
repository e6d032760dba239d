// software_tpm_for_testing.h - development evidence made without a TPM, one fault at a time.
//
// Plays the TPM of an honest node: an RSA attestation key and a P-256 request encryption key in software, structures
// built with lib/tpmwire and signed. Every stage of the making can be interfered with, and what follows from it is made
// anew and signed again, so that exactly one check of a verifier is left to catch it. Used by the tests of lib/verify
// and of the client, and by the benchmark; in no program.
#pragma once

#include <functional>
#include <memory>

#include "crypto/key_pair.h"
#include "evidence/evidence.h"
#include "tpmwire/attest.h"

namespace openpcc::verify {

inline constexpr std::string_view kDevelopmentSecretForTesting = "123456";  // the official one

// What to do to an otherwise honest list; stages in this order. Empty functions do nothing.
struct EvidenceFaults {
  std::function<void(tpmwire::PublicArea&)> ak = {};               // before its name is taken
  std::function<void(tpmwire::PcrValues&)> pcrs = {};              // before policy and digest are computed from them
  std::function<void(tpmwire::PublicArea&)> rek = {};              // policy filled in; before its name is certified
  std::function<void(tpmwire::Attest&)> creation = {};             // before it is marshalled
  std::function<void(tpmwire::Attest&)> quote = {};                // before it is marshalled
  std::function<void(Bytes&)> creation_bytes = {};                 // TPMS_ATTEST, before it is signed
  std::function<void(Bytes&)> quote_bytes = {};                    // TPMS_ATTEST, before it is signed
  std::function<void(std::map<uint32_t, Bytes>&)> values = {};     // those beside the quote, after it was signed
  std::function<void(std::vector<evidence::Piece>&)> pieces = {};  // the finished list
  // The development MAC is computed with this secret.
  std::string_view secret = kDevelopmentSecretForTesting;
};

class SoftwareTpmForTesting {
 public:
  // Keys of the process, made at first use; aborts if OpenSSL cannot make them.
  [[nodiscard]] static const SoftwareTpmForTesting& instance();
  // A second TPM with other keys.
  [[nodiscard]] static const SoftwareTpmForTesting& other();

  // The five pieces of a development list, in their order.
  [[nodiscard]] evidence::List make_evidence(const EvidenceFaults& faults = {}) const;
  // PCR n holds n + 1 in every byte.
  [[nodiscard]] static tpmwire::PcrValues honest_pcrs();
  // The private half of the request encryption key.
  [[nodiscard]] const crypto::KeyPair& rek() const { return rek_; }

 private:
  struct AttestationKey;
  SoftwareTpmForTesting();
  std::shared_ptr<const AttestationKey> ak_;
  crypto::KeyPair rek_;
};

}  // namespace openpcc::verify
