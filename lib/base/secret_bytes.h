// secret_bytes.h - memory for keys and plaintext, wiped before it is given back.
//
// SecretBytes: fixed size, move-only, for keys and shared secrets. Small ones live in OpenSSL's secure heap (locked,
// with guard pages, left out of core dumps) as far as the memory-lock limit allows, and in ordinary memory, wiped all
// the same, beyond it. WipedBytes: a growable buffer for plaintext; its allocator wipes, so that growth leaves no copy
// behind. Neither can be printed or converted to an ordinary buffer without saying so.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include "base/bytes.h"

namespace openpcc {

// Overwrites the bytes in a way the compiler does not remove.
void wipe(MutableByteView bytes);

// Overwrites what functions that have returned left behind, also those of libraries: 32 KiB of the stack below the
// caller, and the vector registers (x86-64), which memcpy uses. For processes that stay after they have held a secret.
void wipe_traces();

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(size_t size);  // zeros; throws std::bad_alloc where malloc would fail
  [[nodiscard]] static SecretBytes copy_of(ByteView bytes);
  ~SecretBytes();
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  [[nodiscard]] SecretBytes clone() const { return copy_of(view()); }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // Valid until the object is destroyed or assigned to; a move keeps it valid, owned by the target.
  [[nodiscard]] ByteView view() const { return {data_, size_}; }
  [[nodiscard]] MutableByteView mutable_view() { return {data_, size_}; }

  // Constant-time in the content.
  friend bool operator==(const SecretBytes& a, const SecretBytes& b) { return equal_constant_time(a.view(), b.view()); }

 private:
  void release();

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

template <typename T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) {}  // NOLINT(google-explicit-constructor): allocators convert
  T* allocate(size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* pointer, size_t count) {
    wipe({reinterpret_cast<uint8_t*>(pointer), count * sizeof(T)});
    std::allocator<T>().deallocate(pointer, count);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

using WipedBytes = std::vector<uint8_t, WipingAllocator<uint8_t>>;

inline void append(WipedBytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Wipes an object of trivial type (a C struct, an array on the stack) on every way out of a scope.
template <typename T>
class WipeOnExit {
 public:
  explicit WipeOnExit(T& object) : object_(object) {}
  ~WipeOnExit() { wipe({reinterpret_cast<uint8_t*>(&object_), sizeof(T)}); }
  WipeOnExit(const WipeOnExit&) = delete;
  WipeOnExit& operator=(const WipeOnExit&) = delete;

 private:
  static_assert(std::is_trivially_destructible_v<T>);
  T& object_;
};

}  // namespace openpcc
