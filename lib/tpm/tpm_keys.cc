// Making, finding and using keys.
#include <algorithm>

#include "tpm/impl.h"

namespace openpcc::tpm {

namespace {

Result<TPM2B_PUBLIC> to_tss_public(ByteView area) {
  TPM2B_PUBLIC out{};
  size_t offset = 0;
  const TSS2_RC code = Tss2_MU_TPMT_PUBLIC_Unmarshal(area.data(), area.size(), &offset, &out.publicArea);
  if (code != TSS2_RC_SUCCESS || offset != area.size()) return fail(kBadArgument, "the key template is malformed");
  return out;
}

template <typename T, typename Marshal>
Result<Bytes> marshalled(const T& structure, Marshal marshal) {
  Bytes out(sizeof(T) + 64);
  size_t offset = 0;
  if (marshal(&structure, out.data(), out.size(), &offset) != TSS2_RC_SUCCESS) {
    return fail(kUnexpected, "the TPM's answer cannot be written");
  }
  out.resize(offset);
  return out;
}

}  // namespace

Status Tpm::create_primary(Hierarchy hierarchy, ByteView public_template, uint32_t handle) {
  const Stopwatch stopwatch(impl_->duration);
  OPENPCC_TRY(const TPM2B_PUBLIC area, to_tss_public(public_template));
  const TPM2B_SENSITIVE_CREATE sensitive{};
  const TPM2B_DATA outside_info{};
  const TPML_PCR_SELECTION creation_pcrs{};
  Flushed key(impl_->esys);
  EsysPtr<TPM2B_PUBLIC> made;
  EsysPtr<TPM2B_CREATION_DATA> creation_data;
  EsysPtr<TPM2B_DIGEST> creation_hash;
  EsysPtr<TPMT_TK_CREATION> ticket;
  const ESYS_TR root = hierarchy == Hierarchy::kOwner ? ESYS_TR_RH_OWNER : ESYS_TR_RH_ENDORSEMENT;
  const TSS2_RC code = Esys_CreatePrimary(impl_->esys, root, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
                                          &area, &outside_info, &creation_pcrs, key.out(), made.out(),
                                          creation_data.out(), creation_hash.out(), ticket.out());
  OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_CreatePrimary"));
  return impl_->persist(key.get(), handle);
}

Status Tpm::create_ak(Hierarchy hierarchy, const tpmwire::PublicArea& public_template, uint32_t handle) {
  return create_primary(hierarchy, tpmwire::marshal_public(public_template), handle);
}

Status Tpm::create_storage_primary(uint32_t handle) {
  return create_primary(Hierarchy::kOwner, tpmwire::marshal_public(storage_primary_template()), handle);
}

Status Tpm::create_rek(const RekHandles& handles, const tpmwire::PcrValues& policy) {
  const auto start = std::chrono::steady_clock::now();
  OPENPCC_TRY(const tpmwire::Digest policy_digest, tpmwire::policy_pcr_digest(policy));
  OPENPCC_TRY(const TPM2B_PUBLIC area, to_tss_public(tpmwire::marshal_public(rek_template(policy_digest))));
  OPENPCC_TRY(const ESYS_TR parent, impl_->reference(handles.primary));
  const TPM2B_SENSITIVE_CREATE sensitive{};
  const TPM2B_DATA outside_info{};
  const TPML_PCR_SELECTION creation_pcrs{};
  EsysPtr<TPM2B_PRIVATE> private_part;
  EsysPtr<TPM2B_PUBLIC> public_part;
  EsysPtr<TPM2B_CREATION_DATA> creation_data;
  EsysPtr<TPM2B_DIGEST> creation_hash;
  EsysPtr<TPMT_TK_CREATION> ticket;
  TSS2_RC code = Esys_Create(impl_->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &area,
                             &outside_info, &creation_pcrs, private_part.out(), public_part.out(), creation_data.out(),
                             creation_hash.out(), ticket.out());
  OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_Create"));
  {
    Flushed key(impl_->esys);
    code = Esys_Load(impl_->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, private_part.get(),
                     public_part.get(), key.out());
    OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_Load"));
    OPENPCC_TRY_STATUS(impl_->persist(key.get(), handles.rek));
  }
  OPENPCC_TRY(const Bytes ticket_bytes, marshalled(*ticket, Tss2_MU_TPMT_TK_CREATION_Marshal));
  OPENPCC_TRY(const Bytes hash_bytes, marshalled(*creation_hash, Tss2_MU_TPM2B_DIGEST_Marshal));
  const std::pair<uint32_t, const Bytes&> kept[] = {{handles.creation_ticket, ticket_bytes},
                                                    {handles.creation_hash, hash_bytes}};
  for (const auto& [index, bytes] : kept) {
    OPENPCC_TRY_STATUS(nv_undefine(index));
    OPENPCC_TRY_STATUS(nv_define(index, bytes.size()));
    OPENPCC_TRY_STATUS(nv_write(index, bytes));
  }
  impl_->duration = std::chrono::steady_clock::now() - start;
  return {};
}

Result<Tpm::PublicAndName> Tpm::read_public(uint32_t handle) {
  const Stopwatch stopwatch(impl_->duration);
  impl_->forget(handle);  // somebody else may have replaced it
  OPENPCC_TRY(const ESYS_TR key, impl_->reference(handle));
  EsysPtr<TPM2B_PUBLIC> area;
  EsysPtr<TPM2B_NAME> name;
  EsysPtr<TPM2B_NAME> qualified_name;
  const TSS2_RC code = Esys_ReadPublic(impl_->esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, area.out(),
                                       name.out(), qualified_name.out());
  OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_ReadPublic"));
  PublicAndName out;
  OPENPCC_TRY(out.public_area, marshalled(area->publicArea, Tss2_MU_TPMT_PUBLIC_Marshal));
  out.name = to_bytes(ByteView(name->name, name->size));
  return out;
}

Result<bool> Tpm::is_persistent(uint32_t handle) {
  OPENPCC_TRY(const std::vector<uint32_t> all, handles(HandleKind::kPersistent));
  return std::ranges::find(all, handle) != all.end();
}

Status Tpm::clear_persistent(uint32_t handle) {
  const Stopwatch stopwatch(impl_->duration);
  if ((handle & TPM2_HR_RANGE_MASK) != TPM2_HR_PERSISTENT)
    return fail(kBadArgument, "no handle of a persistent object");
  impl_->forget(handle);
  return impl_->clear(handle);
}

}  // namespace openpcc::tpm
