#include "engine/huge_pages.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

namespace openpcc::engine {
namespace {

using Memory = std::unique_ptr<void, void (*)(void*)>;

Memory allocated(size_t alignment, size_t size) {
  void* memory = nullptr;
  EXPECT_EQ(posix_memalign(&memory, alignment, size), 0);
  return {memory, std::free};
}

bool on_boundary(const Memory& memory, size_t boundary) {
  return reinterpret_cast<uintptr_t>(memory.get()) % boundary == 0;
}

// Of the mapping that holds `memory`, from /proc/self/smaps.
long kilobytes(const Memory& memory, const std::string& key) {
  std::ifstream maps("/proc/self/smaps");
  const auto at = reinterpret_cast<uintptr_t>(memory.get());
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    char* end = nullptr;
    const auto from = std::strtoull(line.c_str(), &end, 16);
    if (*end == '-') {
      here = from <= at && at < std::strtoull(end + 1, nullptr, 16);
    } else if (here && line.starts_with(key)) {
      return std::strtol(line.c_str() + key.size(), nullptr, 10);
    }
  }
  return -1;
}

// Why the kernel gives none, or nothing.
std::string no_huge_pages() {
  std::ifstream setting("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string text;
  if (!std::getline(setting, text)) {
    return "this kernel has no transparent huge pages";
  }
  return text.find("[never]") == std::string::npos ? "" : "transparent huge pages are set to 'never'";
}

TEST(HugePages, LargeAllocationsStandOnThemFromTheirFirstTouch) {
  if (const std::string why = no_huge_pages(); !why.empty()) {
    GTEST_SKIP() << "skipped: " << why;
  }
  constexpr size_t kSize = size_t{64} << 20;
  const Memory memory = allocated(64, kSize);  // through the wrapped name, as ggml calls it
  ASSERT_TRUE(on_boundary(memory, kHugePage));
  EXPECT_EQ(kilobytes(memory, "AnonHugePages:"), 0);
  std::memset(memory.get(), 1, kSize);
  const long huge = kilobytes(memory, "AnonHugePages:");
  if (huge == 0) {
    GTEST_SKIP() << "skipped: this machine has no free huge page, or a process above switched them off";
  }
  EXPECT_GE(huge, static_cast<long>(kSize >> 10) / 2);  // the rest may be fragmented just now
}

TEST(HugePages, AlignmentOfTheCallerHolds) {
  EXPECT_TRUE(on_boundary(allocated(64, kHugePagesFrom), kHugePage));
  EXPECT_TRUE(on_boundary(allocated(4 * kHugePage, kHugePagesFrom), 4 * kHugePage));
  EXPECT_TRUE(on_boundary(allocated(4096, 100), 4096));
}

TEST(HugePages, SmallAllocationsAreAsTheyWere) {
  const Memory memory = allocated(64, kHugePagesFrom - 1);
  std::memset(memory.get(), 1, kHugePagesFrom - 1);
  std::ifstream setting("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string text;
  std::getline(setting, text);
  if (text.find("[always]") != std::string::npos) {
    GTEST_SKIP() << "skipped: this machine gives huge pages to everyone";
  }
  EXPECT_EQ(kilobytes(memory, "AnonHugePages:"), 0);
}

TEST(HugePages, ErrorsAreTheCLibrarys) {
  void* memory = nullptr;
  EXPECT_EQ(allocate_aligned(&memory, 3, kHugePagesFrom), EINVAL);
  EXPECT_EQ(allocate_aligned(&memory, 0, kHugePagesFrom), EINVAL);
  EXPECT_EQ(allocate_aligned(&memory, 3, 100), EINVAL);
  EXPECT_EQ(allocate_aligned(&memory, 64, SIZE_MAX - 4096), ENOMEM);
}

}  // namespace
}  // namespace openpcc::engine
