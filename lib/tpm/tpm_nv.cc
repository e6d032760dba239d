// Non-volatile indices.
#include <algorithm>

#include "tpm/impl.h"

namespace openpcc::tpm {

namespace {

constexpr size_t kMaxNvSize = 8192;  // more than any index of a node; the largest are certificates

constexpr TPMA_NV kAttributes =
    TPMA_NV_OWNERWRITE | TPMA_NV_AUTHWRITE | TPMA_NV_OWNERREAD | TPMA_NV_AUTHREAD | TPMA_NV_NO_DA;

Status expect_nv_index(uint32_t index) {
  if ((index & TPM2_HR_RANGE_MASK) == TPM2_HR_NV_INDEX) return {};
  return fail(kBadArgument, "no handle of an NV index");
}

}  // namespace

Status Tpm::nv_define(uint32_t index, size_t size) {
  const Stopwatch stopwatch(impl_->duration);
  OPENPCC_TRY_STATUS(expect_nv_index(index));
  if (size > kMaxNvSize) return fail(kBadArgument, "too large for an NV index");
  const TPM2B_AUTH empty_password{};
  TPM2B_NV_PUBLIC area{};
  area.nvPublic.nvIndex = index;
  area.nvPublic.nameAlg = TPM2_ALG_SHA256;
  area.nvPublic.attributes = kAttributes;
  area.nvPublic.dataSize = static_cast<uint16_t>(size);
  ESYS_TR reference = ESYS_TR_NONE;
  const TSS2_RC code = Esys_NV_DefineSpace(impl_->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                           &empty_password, &area, &reference);
  OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_NV_DefineSpace"));
  impl_->forget(index);
  impl_->references.emplace(index, reference);
  return {};
}

Status Tpm::nv_undefine(uint32_t index) {
  const Stopwatch stopwatch(impl_->duration);
  OPENPCC_TRY_STATUS(expect_nv_index(index));
  impl_->forget(index);
  const auto found = impl_->reference(index);
  if (!found && found.error().code == kNotFound) return {};
  if (!found) return std::unexpected(found.error());
  const TSS2_RC code =
      Esys_NV_UndefineSpace(impl_->esys, ESYS_TR_RH_OWNER, *found, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
  OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_NV_UndefineSpace"));
  impl_->forget(index);
  return {};
}

Status Tpm::nv_write(uint32_t index, ByteView data) {
  const Stopwatch stopwatch(impl_->duration);
  OPENPCC_TRY_STATUS(expect_nv_index(index));
  if (data.size() > kMaxNvSize) return fail(kBadArgument, "too large for an NV index");
  OPENPCC_TRY(const ESYS_TR nv, impl_->reference(index));
  OPENPCC_TRY(const uint32_t block, impl_->property(TPM2_PT_NV_BUFFER_MAX));
  TPM2B_MAX_NV_BUFFER part{};
  const size_t step = std::min<size_t>(block, sizeof(part.buffer));
  if (step == 0) return fail(kUnexpected, "the TPM writes no NV");
  for (size_t offset = 0; offset < data.size(); offset += step) {
    const ByteView some = data.subspan(offset, std::min(step, data.size() - offset));
    part.size = static_cast<uint16_t>(some.size());
    std::ranges::copy(some, part.buffer);
    const TSS2_RC code = Esys_NV_Write(impl_->esys, nv, nv, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &part,
                                       static_cast<uint16_t>(offset));
    OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_NV_Write"));
  }
  return {};
}

Result<Bytes> Tpm::nv_read(uint32_t index) {
  const Stopwatch stopwatch(impl_->duration);
  OPENPCC_TRY_STATUS(expect_nv_index(index));
  impl_->forget(index);  // somebody else may have defined it anew
  OPENPCC_TRY(const ESYS_TR nv, impl_->reference(index));
  EsysPtr<TPM2B_NV_PUBLIC> area;
  EsysPtr<TPM2B_NAME> name;
  TSS2_RC code = Esys_NV_ReadPublic(impl_->esys, nv, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, area.out(), name.out());
  OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_NV_ReadPublic"));
  const size_t size = area->nvPublic.dataSize;
  OPENPCC_TRY(const uint32_t block, impl_->property(TPM2_PT_NV_BUFFER_MAX));
  const size_t step = std::min<size_t>(block, TPM2_MAX_NV_BUFFER_SIZE);
  if (size > kMaxNvSize || step == 0) return fail(kUnexpected, "TPM2_NV_ReadPublic: an impossible size");
  Bytes out;
  while (out.size() < size) {
    const size_t wanted = std::min(step, size - out.size());
    EsysPtr<TPM2B_MAX_NV_BUFFER> part;
    code = Esys_NV_Read(impl_->esys, ESYS_TR_RH_OWNER, nv, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                        static_cast<uint16_t>(wanted), static_cast<uint16_t>(out.size()), part.out());
    OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_NV_Read"));
    if (part->size != wanted) return fail(kUnexpected, "TPM2_NV_Read: another count of bytes");
    append(out, ByteView(part->buffer, part->size));
  }
  return out;
}

}  // namespace openpcc::tpm
