#include "base/secret_bytes.h"

#include <openssl/crypto.h>

#include <algorithm>
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
