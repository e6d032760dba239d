// verifier.h - the steps of verify_evidence(), in order. Inside of lib/verify; not for other folders.
#pragma once

#include "evidence/evidence.h"
#include "evidence/quote.h"
#include "tpmwire/attest.h"
#include "verify/verify.h"

namespace openpcc::verify {

// One walk over one list. Each step returns what it saw, for people, or why the list is refused.
class Verifier {
 public:
  Verifier(const evidence::List& list, const Policy& policy) : list_(list), policy_(policy) {}
  Verification run();

 private:
  Result<std::string> check_pieces();           // development.cc
  Result<std::string> check_root();             // development.cc
  Result<std::string> check_attestation_key();  // tpm_chain.cc, from here on
  Result<std::string> check_key_creation();
  Result<std::string> check_quote();
  Result<std::string> check_pcr_values();
  Result<std::string> check_encryption_key();
  Result<std::string> check_key_policy();
  Result<std::string> check_pinned_pcrs();
  Result<std::string> list_unpinned_pcrs();

  const evidence::List& list_;
  const Policy& policy_;
  bool development_ = false;
  // Where the pieces of the TPM chain stand; set by check_pieces().
  const evidence::Piece* ak_piece_ = nullptr;
  const evidence::Piece* creation_piece_ = nullptr;
  const evidence::Piece* quote_piece_ = nullptr;
  const evidence::Piece* rek_piece_ = nullptr;
  const evidence::Piece* mac_piece_ = nullptr;

  tpmwire::RsaNumbers ak_;
  Bytes certified_name_;
  evidence::Quote quote_;
  tpmwire::QuoteInfo quote_info_;
  tpmwire::PcrValues pcr_values_;
  tpmwire::PublicArea rek_;
  Bytes rek_point_;
};

}  // namespace openpcc::verify
