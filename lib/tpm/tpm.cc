#include "tpm/tpm.h"

#include <algorithm>
#include <optional>

#include "tpm/impl.h"

namespace openpcc::tpm {

Tpm::Tpm(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tpm::~Tpm() = default;
Tpm::Tpm(Tpm&&) noexcept = default;
Tpm& Tpm::operator=(Tpm&&) noexcept = default;

Result<Tpm> Tpm::open(const Connection& connection) {
  auto impl = std::make_unique<Impl>();
  OPENPCC_TRY_STATUS(impl->connect(connection));
  Tpm tpm(std::move(impl));
  // Before TPM2_Startup nothing can have been left, and most commands fail: that is no error here.
  if (connection.kind != Connection::Kind::kDevice) {
    const Status flushed = tpm.impl_->flush_leftovers();
    if (!flushed && flushed.error().code == kLost) return std::unexpected(flushed.error());
  }
  if (tpm.impl_->swtpm != nullptr) tpm.impl_->swtpm->set_timeout(connection.timeout);
  return tpm;
}

std::chrono::nanoseconds Tpm::last_duration() const {
  return impl_->duration;
}

Status Tpm::startup() {
  const Stopwatch stopwatch(impl_->duration);
  const TSS2_RC code = Esys_Startup(impl_->esys, TPM2_SU_CLEAR);
  if (tpm_error(code) == TPM2_RC_INITIALIZE) return {};
  return impl_->check(code, "TPM2_Startup");
}

Result<Info> Tpm::info() {
  const Stopwatch stopwatch(impl_->duration);
  const auto text = [this](std::initializer_list<uint32_t> properties) -> Result<std::string> {
    Bytes letters;
    for (const uint32_t property : properties) {
      OPENPCC_TRY(const uint32_t value, impl_->property(property));
      append_u32(letters, value);
    }
    // Four letters a property, filled with zeros or blanks; nothing else is shown.
    std::erase_if(letters, [](uint8_t c) { return c < ' ' || c > '~'; });
    while (!letters.empty() && letters.back() == ' ') letters.pop_back();
    return std::string(as_text(letters));
  };
  Info out;
  OPENPCC_TRY(out.manufacturer, text({TPM2_PT_MANUFACTURER}));
  OPENPCC_TRY(out.vendor, text({TPM2_PT_VENDOR_STRING_1, TPM2_PT_VENDOR_STRING_2, TPM2_PT_VENDOR_STRING_3,
                                TPM2_PT_VENDOR_STRING_4}));
  OPENPCC_TRY(const uint32_t high, impl_->property(TPM2_PT_FIRMWARE_VERSION_1));
  OPENPCC_TRY(const uint32_t low, impl_->property(TPM2_PT_FIRMWARE_VERSION_2));
  out.firmware_version = uint64_t{high} << 32 | low;
  return out;
}

Result<std::vector<uint32_t>> Tpm::handles(HandleKind kind) {
  const Stopwatch stopwatch(impl_->duration);
  switch (kind) {
    case HandleKind::kTransient:
      return impl_->handles(TPM2_TRANSIENT_FIRST);
    case HandleKind::kLoadedSession:
      return impl_->handles(TPM2_LOADED_SESSION_FIRST);
    case HandleKind::kSavedSession:
      return impl_->handles(TPM2_ACTIVE_SESSION_FIRST);
    case HandleKind::kPersistent:
      return impl_->handles(TPM2_PERSISTENT_FIRST);
  }
  return fail(kBadArgument, "no kind of handle");
}

Result<Bytes> Tpm::random(size_t count) {
  const Stopwatch stopwatch(impl_->duration);
  Bytes out;
  while (out.size() < count) {
    EsysPtr<TPM2B_DIGEST> some;
    const auto wanted = static_cast<uint16_t>(std::min<size_t>(count - out.size(), sizeof(some->buffer)));
    OPENPCC_TRY_STATUS(impl_->check(
        Esys_GetRandom(impl_->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, wanted, some.out()), "TPM2_GetRandom"));
    if (some->size == 0 || some->size > wanted) return fail(kUnexpected, "TPM2_GetRandom: another count of bytes");
    append(out, ByteView(some->buffer, some->size));
  }
  return out;
}

namespace {

constexpr size_t kPcrsPerRead = 8;  // a TPM answers with at most eight digests (Part 3, 22.4)

struct PcrRead {
  tpmwire::PcrValues values;
  uint32_t update_counter;
};

}  // namespace

Result<tpmwire::PcrValues> Tpm::read_pcrs(std::span<const uint32_t> indices) {
  const Stopwatch stopwatch(impl_->duration);
  const auto read_some = [this](std::span<const uint32_t> some) -> Result<PcrRead> {
    OPENPCC_TRY(const TPML_PCR_SELECTION wanted, to_tss(tpmwire::select_pcrs(some)));
    EsysPtr<TPML_PCR_SELECTION> got;
    EsysPtr<TPML_DIGEST> digests;
    PcrRead out{};
    const TSS2_RC code = Esys_PCR_Read(impl_->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &wanted,
                                       &out.update_counter, got.out(), digests.out());
    OPENPCC_TRY_STATUS(impl_->check(code, "TPM2_PCR_Read"));
    std::vector<uint32_t> sorted(some.begin(), some.end());
    std::ranges::sort(sorted);
    if (digests->count != sorted.size()) return fail(kUnexpected, "TPM2_PCR_Read: no SHA-256 bank with all these PCRs");
    for (size_t i = 0; i < sorted.size(); ++i) {
      tpmwire::Digest& value = out.values[sorted[i]];
      const TPM2B_DIGEST& digest = digests->digests[i];
      if (digest.size != value.size()) return fail(kUnexpected, "TPM2_PCR_Read: a value that is not SHA-256");
      std::copy_n(digest.buffer, value.size(), value.begin());
    }
    return out;
  };
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    tpmwire::PcrValues values;
    std::optional<uint32_t> counter;
    bool same = true;
    for (size_t at = 0; at < indices.size(); at += kPcrsPerRead) {
      const auto some = indices.subspan(at, std::min(kPcrsPerRead, indices.size() - at));
      OPENPCC_TRY(const PcrRead read, read_some(some));
      if (counter && *counter != read.update_counter) same = false;
      counter = read.update_counter;
      values.insert(read.values.begin(), read.values.end());
    }
    if (same) return values;
  }
  return fail(kUnexpected, "TPM2_PCR_Read: the PCRs keep changing");
}

Status Tpm::extend_pcr(uint32_t index, const tpmwire::Digest& digest) {
  const Stopwatch stopwatch(impl_->duration);
  if (index > tpmwire::kMaxPcrIndex) return fail(kBadArgument, "there is no PCR " + std::to_string(index));
  TPML_DIGEST_VALUES values{};
  values.count = 1;
  values.digests[0].hashAlg = TPM2_ALG_SHA256;
  std::ranges::copy(digest, values.digests[0].digest.sha256);
  const TSS2_RC code =
      Esys_PCR_Extend(impl_->esys, ESYS_TR_PCR0 + index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &values);
  return impl_->check(code, "TPM2_PCR_Extend");
}

}  // namespace openpcc::tpm
