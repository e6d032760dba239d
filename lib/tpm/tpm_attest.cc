// What an attestation key signs: the creation of a key, and PCR values.
#include <algorithm>

#include "tpm/impl.h"

namespace openpcc::tpm {

namespace {

TPMT_SIG_SCHEME rsassa_sha256() {
  TPMT_SIG_SCHEME out{};
  out.scheme = TPM2_ALG_RSASSA;
  out.details.rsassa.hashAlg = TPM2_ALG_SHA256;
  return out;
}

Result<Attestation> attestation(const TPM2B_ATTEST& attest, const TPMT_SIGNATURE& signature) {
  Attestation out;
  out.attest = to_bytes(ByteView(attest.attestationData, attest.size));
  out.signature.resize(sizeof(TPMT_SIGNATURE));
  size_t offset = 0;
  if (Tss2_MU_TPMT_SIGNATURE_Marshal(&signature, out.signature.data(), out.signature.size(), &offset) !=
      TSS2_RC_SUCCESS) {
    return fail(kUnexpected, "the TPM's signature cannot be written");
  }
  out.signature.resize(offset);
  return out;
}

}  // namespace

Result<Attestation> Tpm::certify_creation(uint32_t ak, const RekHandles& handles) {
  const auto start = std::chrono::steady_clock::now();
  OPENPCC_TRY(const Bytes ticket_bytes, nv_read(handles.creation_ticket));
  OPENPCC_TRY(const Bytes hash_bytes, nv_read(handles.creation_hash));
  TPMT_TK_CREATION ticket{};
  size_t offset = 0;
  if (Tss2_MU_TPMT_TK_CREATION_Unmarshal(ticket_bytes.data(), ticket_bytes.size(), &offset, &ticket) !=
          TSS2_RC_SUCCESS ||
      offset != ticket_bytes.size()) {
    return fail(kUnexpected, "the creation ticket in NV is malformed");
  }
  TPM2B_DIGEST hash{};
  offset = 0;
  if (Tss2_MU_TPM2B_DIGEST_Unmarshal(hash_bytes.data(), hash_bytes.size(), &offset, &hash) != TSS2_RC_SUCCESS ||
      offset != hash_bytes.size()) {
    return fail(kUnexpected, "the creation hash in NV is malformed");
  }
  OPENPCC_TRY(const ESYS_TR signer, impl_->reference(ak));
  OPENPCC_TRY(const ESYS_TR object, impl_->reference(handles.rek));
  const TPM2B_DATA no_nonce{};
  const TPMT_SIG_SCHEME scheme = rsassa_sha256();
  EsysPtr<TPM2B_ATTEST> attest;
  EsysPtr<TPMT_SIGNATURE> signature;
  const TSS2_RC code = Esys_CertifyCreation(impl_->esys, signer, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                            &no_nonce, &hash, &scheme, &ticket, attest.out(), signature.out());
  impl_->duration = std::chrono::steady_clock::now() - start;
  OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_CertifyCreation"));
  return attestation(*attest, *signature);
}

Result<Attestation> Tpm::quote(uint32_t ak, const tpmwire::PcrSelectionList& selection, ByteView nonce) {
  const Stopwatch stopwatch(impl_->duration);
  OPENPCC_TRY(const ESYS_TR signer, impl_->reference(ak));
  OPENPCC_TRY(const TPML_PCR_SELECTION pcrs, to_tss(selection));
  TPM2B_DATA data{};
  if (nonce.size() > sizeof(data.buffer)) return fail(kBadArgument, "the nonce is too long");
  data.size = static_cast<uint16_t>(nonce.size());
  std::ranges::copy(nonce, data.buffer);
  const TPMT_SIG_SCHEME scheme = rsassa_sha256();
  EsysPtr<TPM2B_ATTEST> attest;
  EsysPtr<TPMT_SIGNATURE> signature;
  const TSS2_RC code = Esys_Quote(impl_->esys, signer, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, &scheme,
                                  &pcrs, attest.out(), signature.out());
  OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_Quote"));
  return attestation(*attest, *signature);
}

}  // namespace openpcc::tpm
