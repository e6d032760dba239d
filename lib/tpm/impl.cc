#include "tpm/impl.h"

#include <tss2/tss2_rc.h>
#include <tss2/tss2_sys.h>
#include <tss2/tss2_tcti_device.h>
#include <tss2/tss2_tcti_mssim.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace openpcc::tpm {

namespace {

// tpm2-tss writes a line to standard error for every code it passes on, so for every refused point as well. Errors of
// this library carry the reason; who wants the lines sets TSS2_LOG.
void quiet_tss() {
  static std::once_flag once;
  std::call_once(once, [] { setenv("TSS2_LOG", "all+NONE", 0); });  // NOLINT(concurrency-mt-unsafe): before threads
}

template <typename Init>
Result<TSS2_TCTI_CONTEXT*> open_library_tcti(std::vector<uint64_t>& storage, Init init, const std::string& conf,
                                             const std::string& where) {
  size_t size = 0;
  TSS2_RC code = init(nullptr, &size, conf.c_str());
  if (code == TSS2_RC_SUCCESS) {
    storage.assign(size / sizeof(uint64_t) + 1, 0);
    code = init(reinterpret_cast<TSS2_TCTI_CONTEXT*>(storage.data()), &size, conf.c_str());
  }
  if (code != TSS2_RC_SUCCESS) {
    storage.clear();
    return fail(kUnreachable, "cannot open the TPM (" + where + "): " + Tss2_RC_Decode(code));
  }
  return reinterpret_cast<TSS2_TCTI_CONTEXT*>(storage.data());
}

}  // namespace

uint32_t tpm_error(TSS2_RC code) {
  const uint32_t layer = code & TSS2_RC_LAYER_MASK;
  if (layer != 0 && layer != TSS2_RESMGR_TPM_RC_LAYER) return 0;
  const uint32_t number = code & 0xffff;
  // Format one (Part 2, 6.6.2): bits 8 to 11 name the parameter, handle or session, bit 6 says which of these.
  if ((number & TPM2_RC_FMT1) != 0) return number & (TPM2_RC_FMT1 | 0x3f);
  return number;
}

Tpm::Impl::~Impl() {
  flush_waiting();
  if (esys != nullptr) Esys_Finalize(&esys);
  if (!library_tcti.empty()) {
    auto* context = reinterpret_cast<TSS2_TCTI_CONTEXT*>(library_tcti.data());
    if (TSS2_TCTI_FINALIZE(context) != nullptr) TSS2_TCTI_FINALIZE(context)(context);
  }
}

Status Tpm::Impl::connect(const Connection& connection) {
  quiet_tss();
  where = connection.describe();
  TSS2_TCTI_CONTEXT* tcti = nullptr;
  switch (connection.kind) {
    case Connection::Kind::kSwtpm: {
      OPENPCC_TRY(swtpm, SwtpmTcti::connect(connection.path, std::min(connection.timeout, Connection::kFirstAnswer)));
      tcti = swtpm->context();
      break;
    }
    case Connection::Kind::kDevice: {
      OPENPCC_TRY(tcti, open_library_tcti(library_tcti, Tss2_Tcti_Device_Init, connection.path, where));
      break;
    }
    case Connection::Kind::kMssim: {
      const std::string conf = "host=" + connection.host + ",port=" + std::to_string(connection.port);
      OPENPCC_TRY(tcti, open_library_tcti(library_tcti, Tss2_Tcti_Mssim_Init, conf, where));
      break;
    }
  }
  if (const TSS2_RC code = Esys_Initialize(&esys, tcti, nullptr); code != TSS2_RC_SUCCESS) {
    esys = nullptr;
    return fail(kUnreachable, "cannot use the TPM (" + where + "): " + Tss2_RC_Decode(code));
  }
  return {};
}

Status Tpm::Impl::check(TSS2_RC code, std::string_view command) {
  if (code == TSS2_RC_SUCCESS && !lost) return {};
  std::string message = std::string(command) + ": ";
  if (lost || (code & TSS2_RC_LAYER_MASK) == TSS2_TCTI_RC_LAYER) {
    lost = true;
    const bool own_reason = swtpm != nullptr && !swtpm->failure().empty();
    return fail(kLost, message + "connection to the TPM lost (" + where +
                           "): " + (own_reason ? swtpm->failure() : Tss2_RC_Decode(code)));
  }
  message += Tss2_RC_Decode(code);
  switch (tpm_error(code)) {
    case TPM2_RC_HANDLE:
      return fail(kNotFound, std::move(message));
    case TPM2_RC_POLICY_FAIL:
    case TPM2_RC_PCR_CHANGED:
      return fail(kPolicyFailed, std::move(message));
    default:
      return fail(kFailed, std::move(message));
  }
}

Result<ESYS_TR> Tpm::Impl::reference(uint32_t handle) {
  if (const auto found = references.find(handle); found != references.end()) return found->second;
  ESYS_TR out = ESYS_TR_NONE;
  const TSS2_RC code = Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &out);
  Bytes number;
  append_u32(number, handle);
  OPENPCC_TRY_STATUS(check(code, "looking up handle 0x" + to_hex(number)));
  references.emplace(handle, out);
  return out;
}

void Tpm::Impl::forget(uint32_t handle) {
  const auto found = references.find(handle);
  if (found == references.end()) return;
  Esys_TR_Close(esys, &found->second);
  references.erase(found);
}

Status Tpm::Impl::clear(uint32_t handle) {
  const auto object = reference(handle);
  if (!object && object.error().code == kNotFound) return {};
  if (!object) return std::unexpected(object.error());
  ESYS_TR none = ESYS_TR_NONE;
  const TSS2_RC code =
      Esys_EvictControl(esys, ESYS_TR_RH_OWNER, *object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, handle, &none);
  OPENPCC_TRY_STATUS(check(code, "TPM2_EvictControl (clear)"));
  forget(handle);  // ESYS 3.2 keeps the stale name and then refuses a new object at this handle; later ones close it
  return {};
}

Status Tpm::Impl::persist(ESYS_TR object, uint32_t handle) {
  if ((handle & TPM2_HR_RANGE_MASK) != TPM2_HR_PERSISTENT)
    return fail(kBadArgument, "no handle of a persistent object");
  OPENPCC_TRY_STATUS(clear(handle));
  ESYS_TR persistent = ESYS_TR_NONE;
  const TSS2_RC code = Esys_EvictControl(esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                         handle, &persistent);
  OPENPCC_TRY_STATUS(check(code, "TPM2_EvictControl (persist)"));
  references.emplace(handle, persistent);
  return {};
}

Result<std::vector<uint32_t>> Tpm::Impl::handles(uint32_t first) {
  std::vector<uint32_t> out;
  TPMI_YES_NO more = TPM2_YES;
  for (uint32_t next = first; more == TPM2_YES;) {
    EsysPtr<TPMS_CAPABILITY_DATA> data;
    const TSS2_RC code = Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, next,
                                            TPM2_MAX_CAP_HANDLES, &more, data.out());
    OPENPCC_TRY_STATUS(check(code, "TPM2_GetCapability"));
    const TPML_HANDLE& list = data->data.handles;
    if (data->capability != TPM2_CAP_HANDLES || list.count > TPM2_MAX_CAP_HANDLES || (more && list.count == 0)) {
      return fail(kUnexpected, "TPM2_GetCapability: an answer to another question");
    }
    for (uint32_t i = 0; i < list.count; ++i) out.push_back(list.handle[i]);
    if (!out.empty()) next = out.back() + 1;
  }
  return out;
}

Result<uint32_t> Tpm::Impl::property(uint32_t property) {
  EsysPtr<TPMS_CAPABILITY_DATA> data;
  TPMI_YES_NO more = TPM2_NO;
  const TSS2_RC code = Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES,
                                          property, 1, &more, data.out());
  OPENPCC_TRY_STATUS(check(code, "TPM2_GetCapability"));
  const TPML_TAGGED_TPM_PROPERTY& list = data->data.tpmProperties;
  if (data->capability != TPM2_CAP_TPM_PROPERTIES || list.count != 1 || list.tpmProperty[0].property != property) {
    return fail(kNotFound, "TPM2_GetCapability: the TPM does not have property " + std::to_string(property));
  }
  return list.tpmProperty[0].value;
}

Status Tpm::Impl::flush_leftovers() {
  TSS2_SYS_CONTEXT* sys = nullptr;
  OPENPCC_TRY_STATUS(check(Esys_GetSysContext(esys, &sys), "Esys_GetSysContext"));
  for (const uint32_t first : {TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST, TPM2_ACTIVE_SESSION_FIRST}) {
    OPENPCC_TRY(const std::vector<uint32_t> left, handles(first));
    for (const uint32_t handle : left) {
      OPENPCC_TRY_STATUS(check(Tss2_Sys_FlushContext(sys, handle), "TPM2_FlushContext"));
    }
  }
  return {};
}

void Tpm::Impl::flush_waiting() {
  TSS2_SYS_CONTEXT* sys = nullptr;
  if (!waiting || lost || Esys_GetSysContext(esys, &sys) != TSS2_RC_SUCCESS) return;
  Tss2_Sys_FlushContext(sys, waiting->handle);
  waiting.reset();
}

Result<TPML_PCR_SELECTION> to_tss(const tpmwire::PcrSelectionList& list) {
  TPML_PCR_SELECTION out{};
  if (list.size() > std::size(out.pcrSelections)) return fail(kBadArgument, "too many PCR banks");
  for (const tpmwire::PcrSelection& selection : list) {
    TPMS_PCR_SELECTION& to = out.pcrSelections[out.count++];
    to.hash = selection.hash;
    if (selection.bitmap.size() > std::size(to.pcrSelect)) return fail(kBadArgument, "PCR bitmap too long");
    to.sizeofSelect = static_cast<uint8_t>(selection.bitmap.size());
    std::ranges::copy(selection.bitmap, to.pcrSelect);
  }
  return out;
}

}  // namespace openpcc::tpm
