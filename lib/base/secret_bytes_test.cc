#include "base/secret_bytes.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace openpcc {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(!std::is_convertible_v<SecretBytes, Bytes>);

TEST(SecretBytes, ViewSurvivesAMove) {
  SecretBytes a = SecretBytes::copy_of(Bytes{1, 2, 3});
  const ByteView view = a.view();
  const SecretBytes b = std::move(a);
  EXPECT_EQ(view.data(), b.view().data());
  EXPECT_EQ(to_bytes(b.view()), (Bytes{1, 2, 3}));
}

TEST(SecretBytes, ComparesByContent) {
  EXPECT_TRUE(SecretBytes::copy_of(Bytes{1}) == SecretBytes::copy_of(Bytes{1}));
  EXPECT_FALSE(SecretBytes::copy_of(Bytes{1}) == SecretBytes::copy_of(Bytes{2}));
  EXPECT_TRUE(SecretBytes() == SecretBytes(0));  // NOLINT(readability-container-size-empty): == is what is tested
}

TEST(SecretBytes, WorksPastTheSecureHeap) {
  std::vector<SecretBytes> many;
  for (int i = 0; i < 300; ++i) many.emplace_back(4096);
  many.emplace_back(size_t{1} << 20);
  for (auto& secret : many) secret.mutable_view().front() = 7;
  for (auto& secret : many) EXPECT_EQ(secret.view().front(), 7);
}

TEST(Wipe, ZeroesEveryByte) {
  Bytes bytes(33, 0xaa);
  wipe(bytes);
  EXPECT_EQ(bytes, Bytes(33, 0));
}

TEST(WipeOnExit, ZeroesAtTheEndOfItsScope) {
  std::array<uint8_t, 16> key{};
  key.fill(9);
  { const WipeOnExit guard(key); }
  EXPECT_EQ(key, (std::array<uint8_t, 16>{}));
}

TEST(WipedBytes, WipesMemoryThatGrowthLeavesBehind) {
  struct Recorder {  // stands in for the heap: sees what the allocator hands back
    static void check(const uint8_t* data, size_t size) {
      for (size_t i = 0; i < size; ++i) ASSERT_EQ(data[i], 0);
    }
  };
  WipingAllocator<uint8_t> allocator;
  uint8_t* memory = allocator.allocate(64);
  std::fill_n(memory, 64, uint8_t{0x55});
  wipe({memory, 64});
  Recorder::check(memory, 64);
  allocator.deallocate(memory, 64);
  WipedBytes bytes;
  for (int i = 0; i < 10000; ++i) append(bytes, Bytes{1, 2, 3});
  EXPECT_EQ(bytes.size(), 30000U);
}

TEST(Wipe, TracesGoFromTheVectorRegisters) {
#ifndef __x86_64__
  GTEST_SKIP() << "skipped: only done on x86-64";
#else
  uint64_t left = 1;
  asm volatile("movq %0, %%xmm9" : : "r"(uint64_t{0x5eC4e75eC4e7}) : "xmm9");
  wipe_traces();
  asm volatile("movq %%xmm9, %0" : "=r"(left));
  EXPECT_NE(left, uint64_t{0x5eC4e75eC4e7});
#endif
}

}  // namespace
}  // namespace openpcc
