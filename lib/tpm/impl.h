// impl.h - inside of lib/tpm: the ESYS context, its errors, and owners for what it allocates. ESYS types stay here.
#pragma once

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>

#include <map>
#include <optional>

#include "tpm/swtpm_tcti.h"
#include "tpm/tpm.h"

namespace openpcc::tpm {

// What ESYS allocates; wiped before it is freed, since it may hold a shared secret.
template <typename T>
class EsysPtr {
 public:
  EsysPtr() = default;
  ~EsysPtr() {
    if (pointer_ == nullptr) return;
    wipe({reinterpret_cast<uint8_t*>(pointer_), sizeof(T)});
    Esys_Free(pointer_);
  }
  EsysPtr(const EsysPtr&) = delete;
  EsysPtr& operator=(const EsysPtr&) = delete;

  [[nodiscard]] T** out() { return &pointer_; }
  T* operator->() const { return pointer_; }
  T& operator*() const { return *pointer_; }
  [[nodiscard]] T* get() const { return pointer_; }

 private:
  T* pointer_ = nullptr;
};

// A session or transient object, flushed at the end of its scope.
class Flushed {
 public:
  explicit Flushed(ESYS_CONTEXT* context) : context_(context) {}
  ~Flushed() {
    if (handle_ != ESYS_TR_NONE) Esys_FlushContext(context_, handle_);
  }
  Flushed(const Flushed&) = delete;
  Flushed& operator=(const Flushed&) = delete;

  [[nodiscard]] ESYS_TR* out() { return &handle_; }
  [[nodiscard]] ESYS_TR get() const { return handle_; }
  // The TPM has closed it by itself.
  void release() { handle_ = ESYS_TR_NONE; }

 private:
  ESYS_CONTEXT* context_;
  ESYS_TR handle_ = ESYS_TR_NONE;
};

struct Tpm::Impl {
  Impl() = default;
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] Status connect(const Connection& connection);
  // An Error for every code but success.
  [[nodiscard]] Status check(TSS2_RC code, std::string_view command);
  // ESYS's handle of a persistent object or NV index, remembered. kNotFound when nothing is there.
  [[nodiscard]] Result<ESYS_TR> reference(uint32_t handle);
  void forget(uint32_t handle);
  // Persists the object at `handle`, in place of what was there.
  [[nodiscard]] Status persist(ESYS_TR object, uint32_t handle);
  [[nodiscard]] Status clear(uint32_t handle);
  [[nodiscard]] Result<std::vector<uint32_t>> handles(uint32_t first);
  [[nodiscard]] Result<uint32_t> property(uint32_t property);
  [[nodiscard]] Status flush_leftovers();
  // The handle of a session that fulfils the policy for as long as no PCR changes; it is the caller's to flush or use.
  [[nodiscard]] Result<uint32_t> start_policy(const tpmwire::PcrValues& policy, const TPM2B_DIGEST& pcr_digest);
  void flush_waiting();

  ESYS_CONTEXT* esys = nullptr;
  std::unique_ptr<SwtpmTcti> swtpm;
  std::vector<uint64_t> library_tcti;  // storage of a transport of tpm2-tss, aligned for it
  std::map<uint32_t, ESYS_TR> references;
  std::string where;
  struct WaitingSession {
    uint32_t handle = 0;
    TPM2B_DIGEST pcr_digest{};
  };
  std::optional<WaitingSession> waiting;  // of prepare_zgen()
  bool lost = false;
  std::chrono::nanoseconds duration{};
};

// Measures a public operation.
class Stopwatch {
 public:
  explicit Stopwatch(std::chrono::nanoseconds& out) : out_(out), start_(std::chrono::steady_clock::now()) {}
  ~Stopwatch() { out_ = std::chrono::steady_clock::now() - start_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  std::chrono::nanoseconds& out_;
  std::chrono::steady_clock::time_point start_;
};

// The TPM's own error number (TPM_RC_*), without the bits that say which parameter or session was at fault; 0 when the
// code is none of a TPM's.
[[nodiscard]] uint32_t tpm_error(TSS2_RC code);

[[nodiscard]] Result<TPML_PCR_SELECTION> to_tss(const tpmwire::PcrSelectionList& list);

}  // namespace openpcc::tpm
