#include "worker/thread_shares.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

namespace openpcc::worker {
namespace {

static_assert(ThreadShare::is_always_lock_free && sizeof(ThreadShare) == 2);

constexpr size_t kMostSlots = 1 << 16;

size_t bytes_for(size_t slots) {
  return slots * sizeof(ThreadShare);
}

Result<ThreadShare*> map(int fd, size_t slots, int protection) {
  void* at = ::mmap(nullptr, bytes_for(slots), protection, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return process::system_failure("mmap");
  return static_cast<ThreadShare*>(at);
}

}  // namespace

ThreadShares::ThreadShares(process::UniqueFd fd, ThreadShare* write, const ThreadShare* read, size_t slots,
                           uint32_t threads)
    : fd_(std::move(fd)), write_(write), read_(read), slots_(slots), threads_(threads) {
  for (size_t slot = 0; slot < slots_; ++slot) write_[slot] = static_cast<uint16_t>(threads_);
}

ThreadShares::ThreadShares(ThreadShares&& other) noexcept
    : fd_(std::move(other.fd_)),
      write_(std::exchange(other.write_, nullptr)),
      read_(std::exchange(other.read_, nullptr)),
      slots_(other.slots_),
      threads_(other.threads_) {}

ThreadShares::~ThreadShares() {
  if (write_ != nullptr) ::munmap(write_, bytes_for(slots_));
  if (read_ != nullptr) ::munmap(const_cast<ThreadShare*>(read_), bytes_for(slots_));
}

Result<ThreadShares> ThreadShares::create(size_t slots, uint32_t threads) {
  if (slots == 0 || slots > kMostSlots || threads == 0 || threads > UINT16_MAX) {
    return fail(process::kSystem,
                "thread shares for " + std::to_string(slots) + " children and " + std::to_string(threads) + " threads");
  }
  process::UniqueFd fd(::memfd_create("openpcc-threads", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return process::system_failure("memfd_create");
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes_for(slots))) != 0) return process::system_failure("ftruncate");
  OPENPCC_TRY(ThreadShare * write, map(fd.get(), slots, PROT_READ | PROT_WRITE));
  if (::madvise(write, bytes_for(slots), MADV_DONTFORK) != 0) return process::system_failure("madvise");
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return process::system_failure("sealing memory");
  }
  OPENPCC_TRY(const ThreadShare* read, map(fd.get(), slots, PROT_READ));
  return ThreadShares(std::move(fd), write, read, slots, threads);
}

void ThreadShares::share_out(const std::vector<size_t>& slots_at_work) {
  const auto count = static_cast<uint32_t>(slots_at_work.size());
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t share = threads_ / count + (i < threads_ % count ? 1 : 0);
    write_[slots_at_work[i]] = static_cast<uint16_t>(std::max(share, 1U));
  }
}

Result<const ThreadShare*> ThreadShares::look(process::UniqueFd fd, size_t slot) {
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) return process::system_failure("fstat");
  const auto slots = static_cast<size_t>(about.st_size) / sizeof(ThreadShare);
  if (slot >= slots || slots > kMostSlots) return fail(process::kSystem, "the thread shares have no such slot");
  OPENPCC_TRY(const ThreadShare* read, map(fd.get(), slots, PROT_READ));
  return read + slot;
}

}  // namespace openpcc::worker
