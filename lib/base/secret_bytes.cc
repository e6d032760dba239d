#include "base/secret_bytes.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>

namespace openpcc {

namespace {

constexpr size_t kSecureHeapSize = size_t{1} << 18;  // 256 KiB: thousands of keys, within common memory-lock limits
constexpr size_t kSecureHeapMinimum = 64;
constexpr size_t kLargestInSecureHeap = 4096;

bool secure_heap_ready() {
  // 2 means that it could not be locked: still apart from the ordinary heap, and outside core dumps.
  static const bool ready =
      CRYPTO_secure_malloc_initialized() == 1 || CRYPTO_secure_malloc_init(kSecureHeapSize, kSecureHeapMinimum) != 0;
  return ready;
}

}  // namespace

void wipe(MutableByteView bytes) {
  if (!bytes.empty()) OPENSSL_cleanse(bytes.data(), bytes.size());
}

namespace {

__attribute__((noinline)) void wipe_dead_stack() {
  std::array<uint8_t, size_t{32} << 10> below;  // NOLINT(cppcoreguidelines-pro-type-member-init): about to be wiped
  wipe(below);
}

void wipe_vector_registers() {
#if defined(__x86_64__)
  // The compiler uses 0 to 15 alone here; the C library's memcpy also 16 to 31, where the processor has them.
  if (__builtin_cpu_supports("avx512vl")) {
    asm volatile(
        "vpxorq %xmm16, %xmm16, %xmm16\n vpxorq %xmm17, %xmm17, %xmm17\n vpxorq %xmm18, %xmm18, %xmm18\n"
        "vpxorq %xmm19, %xmm19, %xmm19\n vpxorq %xmm20, %xmm20, %xmm20\n vpxorq %xmm21, %xmm21, %xmm21\n"
        "vpxorq %xmm22, %xmm22, %xmm22\n vpxorq %xmm23, %xmm23, %xmm23\n vpxorq %xmm24, %xmm24, %xmm24\n"
        "vpxorq %xmm25, %xmm25, %xmm25\n vpxorq %xmm26, %xmm26, %xmm26\n vpxorq %xmm27, %xmm27, %xmm27\n"
        "vpxorq %xmm28, %xmm28, %xmm28\n vpxorq %xmm29, %xmm29, %xmm29\n vpxorq %xmm30, %xmm30, %xmm30\n"
        "vpxorq %xmm31, %xmm31, %xmm31");
  }
  if (__builtin_cpu_supports("avx")) {
    asm volatile("vzeroall" ::
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                       "xmm12", "xmm13", "xmm14", "xmm15");
  }
#endif
}

}  // namespace

void wipe_traces() {
  wipe_dead_stack();
  wipe_vector_registers();
}

SecretBytes::SecretBytes(size_t size) : size_(size) {
  if (size == 0) return;
  if (size <= kLargestInSecureHeap && secure_heap_ready()) data_ = static_cast<uint8_t*>(OPENSSL_secure_zalloc(size));
  if (data_ == nullptr) data_ = static_cast<uint8_t*>(std::calloc(size, 1));
  if (data_ == nullptr) throw std::bad_alloc();
}

SecretBytes SecretBytes::copy_of(ByteView bytes) {
  SecretBytes out(bytes.size());
  std::copy(bytes.begin(), bytes.end(), out.data_);
  return out;
}

void SecretBytes::release() {
  if (data_ == nullptr) return;
  if (CRYPTO_secure_allocated(data_) == 1) {
    OPENSSL_secure_clear_free(data_, size_);
  } else {
    OPENSSL_cleanse(data_, size_);
    std::free(data_);
  }
  data_ = nullptr;
  size_ = 0;
}

SecretBytes::~SecretBytes() {
  release();
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

}  // namespace openpcc
