#include "worker/thread_shares.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "process/testing.h"

namespace openpcc::worker {
namespace {

using process::run_in_child;
using process::UniqueFd;

std::vector<int> values(const ThreadShares& shares, size_t slots) {
  std::vector<int> out;
  for (size_t slot = 0; slot < slots; ++slot) out.push_back(shares.of(slot));
  return out;
}

TEST(ThreadShares, AreAsEvenAsTheyCanBeAndAtLeastOne) {
  auto shares = ThreadShares::create(5, 8);
  ASSERT_TRUE(shares.has_value()) << shares.error().message;
  EXPECT_EQ(values(*shares, 5), (std::vector<int>{8, 8, 8, 8, 8})) << "nobody has to share yet";
  shares->share_out({3});
  EXPECT_EQ(shares->of(3), 8);
  shares->share_out({4, 0, 2});
  EXPECT_EQ(values(*shares, 5), (std::vector<int>{3, 8, 2, 8, 3}));
  shares->share_out({});
  ThreadShares moved = std::move(*shares);
  moved.share_out({0, 1});
  EXPECT_EQ(values(moved, 2), (std::vector<int>{4, 4}));
  auto few = ThreadShares::create(3, 2);
  ASSERT_TRUE(few.has_value());
  few->share_out({0, 1, 2});
  EXPECT_EQ(values(*few, 3), (std::vector<int>{1, 1, 1}));
}

TEST(ThreadShares, AreOfSomeSize) {
  for (const auto& [slots, threads] :
       {std::pair<size_t, uint32_t>{0, 2}, {65537, 2}, {2, 0}, {2, 65536}, {SIZE_MAX, 2}}) {
    EXPECT_FALSE(ThreadShares::create(slots, threads).has_value()) << slots << " " << threads;
  }
  EXPECT_TRUE(ThreadShares::create(65536, 65535).has_value());
}

// The permissions of all mappings of it, as /proc/self/maps has them.
std::string mappings() {
  std::ifstream maps("/proc/self/maps");
  std::string out;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("openpcc-threads") != std::string::npos) out += line.substr(line.find(' ') + 1, 4) + " ";
  }
  return out;
}

TEST(ThreadShares, AForkedChildSeesWhatIsWrittenAndCanWriteNothing) {
  auto shares = ThreadShares::create(2, 8);
  ASSERT_TRUE(shares.has_value());
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_EQ(run_in_child([&] {
              if (mappings() != "r--s ") return 1;
              void* page = const_cast<ThreadShare*>(&shares->of(0));
              if (::mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0 || errno != EACCES) return 2;
              if (::madvise(page, 4096, MADV_REMOVE) == 0) return 3;
              const uint16_t other = 1;
              if (::pwrite(shares->fd(), &other, sizeof other, 0) > 0 || ::ftruncate(shares->fd(), 0) == 0) return 4;
              if (::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, shares->fd(), 0) != MAP_FAILED) return 5;
              return shares->of(1) == 8 ? 0 : 6;
            }),
            0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::_exit(::read(ends[0], &byte, 1) == 1 && shares->of(1) == 4 ? 0 : 1);
  }
  shares->share_out({0, 1});
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const std::string both = mappings();
  EXPECT_TRUE(both == "rw-s r--s " || both == "r--s rw-s ") << both;
}

TEST(ThreadShares, AreFoundByTheirDescriptor) {
  auto shares = ThreadShares::create(3, 8);
  ASSERT_TRUE(shares.has_value());
  const auto share = ThreadShares::look(UniqueFd(::dup(shares->fd())), 2);
  ASSERT_TRUE(share.has_value()) << share.error().message;
  shares->share_out({0, 2});
  EXPECT_EQ((*share)->load(), 4);
  EXPECT_FALSE(ThreadShares::look(UniqueFd(::dup(shares->fd())), 3).has_value());
  EXPECT_FALSE(ThreadShares::look(UniqueFd(::open("/dev/null", O_RDONLY)), 0).has_value());
  EXPECT_FALSE(ThreadShares::look(UniqueFd(), 0).has_value());
  ::munmap(const_cast<ThreadShare*>(*share - 2), 6);
}

}  // namespace
}  // namespace openpcc::worker
