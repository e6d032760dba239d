// The one operation of every request: ECDH_ZGen in a policy session over the PCRs.
//
// On SAPI, not ESYS: ESYS 3.2 makes an OpenSSL library context for every hash of a session, 2.5 ms of CPU for one
// request. The session has neither salt nor bind object and the key no authorization value, so its HMAC key is empty,
// its HMAC proves nothing and may be left out (TCG TPM 2.0 Library, Part 1, 19.6.5).
#include <tss2/tss2_sys.h>

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "tpm/impl.h"

namespace openpcc::tpm {

namespace {

constexpr size_t kCoordinate = 32;
constexpr size_t kNonceSize = 16;

// Again when the TPM says that it was busy with itself, as ESYS does.
template <typename Command>
TSS2_RC submit(Command command) {
  constexpr int kAttempts = 5;
  TSS2_RC code = TSS2_RC_SUCCESS;
  for (int i = 0; i < kAttempts; ++i) {
    code = command();
    const uint32_t error = tpm_error(code);
    if (error != TPM2_RC_RETRY && error != TPM2_RC_YIELDED && error != TPM2_RC_TESTING) break;
  }
  return code;
}

// The library leaves the last response in its context, which lives as long as the connection, and on the stack.
void wipe_response(TSS2_SYS_CONTEXT* sys) {
  const uint8_t* response = nullptr;
  size_t size = 0;
  if (Tss2_Sys_GetRpBuffer(sys, &size, &response) == TSS2_RC_SUCCESS) wipe({const_cast<uint8_t*>(response), size});
  wipe_traces();
}

class PolicySession {
 public:
  explicit PolicySession(TSS2_SYS_CONTEXT* sys) : sys_(sys) {}
  ~PolicySession() {
    if (open_) Tss2_Sys_FlushContext(sys_, handle_);
  }
  PolicySession(const PolicySession&) = delete;
  PolicySession& operator=(const PolicySession&) = delete;

  [[nodiscard]] TSS2_RC start(const TPM2B_NONCE& nonce) {
    const TPM2B_ENCRYPTED_SECRET no_salt{};
    TPMT_SYM_DEF no_encryption{};
    no_encryption.algorithm = TPM2_ALG_NULL;
    TPM2B_NONCE tpm_nonce{};
    const TSS2_RC code = submit([&] {
      return Tss2_Sys_StartAuthSession(sys_, TPM2_RH_NULL, TPM2_RH_NULL, nullptr, &nonce, &no_salt, TPM2_SE_POLICY,
                                       &no_encryption, TPM2_ALG_SHA256, &handle_, &tpm_nonce, nullptr);
    });
    open_ = code == TSS2_RC_SUCCESS;
    return code;
  }
  // Takes over one that somebody has started.
  void adopt(uint32_t handle) {
    handle_ = handle;
    open_ = true;
  }
  [[nodiscard]] uint32_t handle() const { return handle_; }
  // It is not ours to close any more: the TPM has done so by itself, or somebody else will.
  void release() { open_ = false; }

 private:
  TSS2_SYS_CONTEXT* sys_;
  uint32_t handle_ = 0;
  bool open_ = false;
};

Result<TPM2B_DIGEST> digest_of(const tpmwire::PcrValues& policy) {
  OPENPCC_TRY(const tpmwire::Digest digest, tpmwire::pcr_digest(policy));
  TPM2B_DIGEST out{};
  out.size = digest.size();
  std::ranges::copy(digest, out.buffer);
  return out;
}

bool same(const TPM2B_DIGEST& one, const TPM2B_DIGEST& other) {
  return std::ranges::equal(ByteView(one.buffer, one.size), ByteView(other.buffer, other.size));
}

}  // namespace

Result<uint32_t> Tpm::Impl::start_policy(const tpmwire::PcrValues& policy, const TPM2B_DIGEST& pcr_digest) {
  TSS2_SYS_CONTEXT* sys = nullptr;
  OPENPCC_TRY_STATUS(check(Esys_GetSysContext(esys, &sys), "Esys_GetSysContext"));
  std::vector<uint32_t> indices;
  for (const auto& [index, value] : policy) indices.push_back(index);
  OPENPCC_TRY(const TPML_PCR_SELECTION selection, to_tss(tpmwire::select_pcrs(indices)));
  TPM2B_NONCE nonce{};
  nonce.size = kNonceSize;
  OPENPCC_TRY_STATUS(system_random(MutableByteView(nonce.buffer, kNonceSize)));
  PolicySession session(sys);
  OPENPCC_TRY_STATUS(check(session.start(nonce), "TPM2_StartAuthSession"));
  const TSS2_RC code =
      submit([&] { return Tss2_Sys_PolicyPCR(sys, session.handle(), nullptr, &pcr_digest, &selection, nullptr); });
  if (tpm_error(code) == TPM2_RC_VALUE) {
    return fail(kPolicyFailed, "TPM2_PolicyPCR: the PCRs do not have the values that this node was started with");
  }
  OPENPCC_TRY_STATUS(check(code, "TPM2_PolicyPCR"));
  session.release();
  return session.handle();
}

Status Tpm::prepare_zgen(const tpmwire::PcrValues& policy) {
  if (impl_->lost) return impl_->check(TSS2_RC_SUCCESS, "TPM2_StartAuthSession");
  OPENPCC_TRY(const TPM2B_DIGEST pcr_digest, digest_of(policy));
  if (impl_->waiting && same(impl_->waiting->pcr_digest, pcr_digest)) return {};
  impl_->flush_waiting();
  OPENPCC_TRY(const uint32_t session, impl_->start_policy(policy, pcr_digest));
  impl_->waiting = {session, pcr_digest};
  return {};
}

Result<SecretBytes> Tpm::ecdh_zgen(uint32_t handle, const tpmwire::PcrValues& policy, ByteView point) {
  const Stopwatch stopwatch(impl_->duration);
  if (point.size() != 1 + 2 * kCoordinate || point[0] != 0x04) {
    return fail(kBadPoint, "not an uncompressed P-256 point of 65 bytes");
  }
  if (impl_->lost) return std::unexpected(impl_->check(TSS2_RC_SUCCESS, "TPM2_ECDH_ZGen").error());
  OPENPCC_TRY(const TPM2B_DIGEST pcr_digest, digest_of(policy));
  TSS2_SYS_CONTEXT* sys = nullptr;
  OPENPCC_TRY_STATUS(impl_->check(Esys_GetSysContext(impl_->esys, &sys), "Esys_GetSysContext"));

  TPM2B_ECC_POINT in{};
  in.point.x.size = kCoordinate;
  in.point.y.size = kCoordinate;
  std::copy_n(point.begin() + 1, kCoordinate, in.point.x.buffer);
  std::copy_n(point.begin() + 1 + kCoordinate, kCoordinate, in.point.y.buffer);
  TPM2B_ECC_POINT out{};
  const WipeOnExit wipe_out(out);
  TSS2_RC code = TSS2_RC_SUCCESS;
  while (true) {
    PolicySession session(sys);
    const bool prepared = impl_->waiting && same(impl_->waiting->pcr_digest, pcr_digest);
    if (prepared) {
      session.adopt(std::exchange(impl_->waiting, std::nullopt)->handle);
    } else {
      OPENPCC_TRY(const uint32_t started, impl_->start_policy(policy, pcr_digest));
      session.adopt(started);
    }
    // continueSession is clear: the TPM closes the session with a successful use, one command less.
    TSS2L_SYS_AUTH_COMMAND authorization{};
    authorization.count = 1;
    authorization.auths[0].sessionHandle = session.handle();
    TSS2L_SYS_AUTH_RESPONSE answered{};
    code = submit([&] {
      out.size = 0;
      return Tss2_Sys_ECDH_ZGen(sys, handle, &authorization, &in, &out, &answered);
    });
    wipe_response(sys);
    if (code == TSS2_RC_SUCCESS) session.release();
    // Any PCR was extended since the session was made, also one that the policy does not name (Part 3, 23.7); or the
    // TPM was reset, or somebody flushed it. A new session tells whether the policy still holds.
    const uint32_t error = tpm_error(code);
    if (prepared && code != TSS2_RC_SUCCESS && error != TPM2_RC_ECC_POINT && error != TPM2_RC_CURVE &&
        error != TPM2_RC_NO_RESULT && !impl_->lost) {
      continue;
    }
    break;
  }
  const uint32_t error = tpm_error(code);
  if (error == TPM2_RC_ECC_POINT || error == TPM2_RC_CURVE || error == TPM2_RC_NO_RESULT) {
    return fail(kBadPoint, "TPM2_ECDH_ZGen: the TPM refuses the point");
  }
  OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_ECDH_ZGen"));
  const TPM2B_ECC_PARAMETER& x = out.point.x;
  if (x.size > kCoordinate) return fail(kUnexpected, "TPM2_ECDH_ZGen: an X of more than 32 bytes");
  SecretBytes shared(kCoordinate);
  std::copy_n(x.buffer, x.size, shared.mutable_view().end() - x.size);
  const SecretBytes zero(kCoordinate);
  if (shared == zero) return fail(kBadPoint, "TPM2_ECDH_ZGen: the shared value is zero");
  return shared;
}

}  // namespace openpcc::tpm
