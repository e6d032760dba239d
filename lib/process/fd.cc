#include "process/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace openpcc::process {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);  // Linux closes the descriptor even where close() reports an error
  fd_ = fd;
}

std::unexpected<Error> system_failure(std::string_view call) {
  const int number = errno;
  return fail(kSystem, std::string(call) + ": " + std::generic_category().message(number));
}

Status close_all_but(std::span<const int> keep) {
  std::vector<int> sorted(keep.begin(), keep.end());
  std::sort(sorted.begin(), sorted.end());
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : sorted) {
    if (fd < static_cast<int>(first)) continue;
    if (static_cast<unsigned>(fd) > first && ::close_range(first, static_cast<unsigned>(fd) - 1, 0) != 0) {
      return system_failure("close_range");
    }
    first = static_cast<unsigned>(fd) + 1;
  }
  if (::close_range(first, ~0U, 0) != 0) return system_failure("close_range");
  return {};
}

Status set_close_on_exec(int fd, bool on) {
  if (::fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) != 0) return system_failure("fcntl(F_SETFD)");
  return {};
}

Result<std::vector<int>> open_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return system_failure("opendir(/proc/self/fd)");
  std::vector<int> open;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string_view name(entry->d_name);
    int fd = -1;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), fd);
    if (error == std::errc() && fd != ::dirfd(folder)) open.push_back(fd);
  }
  ::closedir(folder);
  return open;
}

Status set_nonblocking(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return system_failure("fcntl(F_GETFL)");
  const int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (wanted != flags && ::fcntl(fd, F_SETFL, wanted) != 0) return system_failure("fcntl(F_SETFL)");
  return {};
}

Status wait_for(int fd, short events, Deadline deadline) {
  pollfd entry{fd, events, 0};
  while (true) {
    timespec left{};
    timespec* timeout = nullptr;
    if (deadline != kForever) {
      const auto remaining = std::max(deadline - Clock::now(), Clock::duration::zero());
      const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(remaining).count();
      left.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
      left.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
      timeout = &left;
    }
    const int ready = ::ppoll(&entry, 1, timeout, nullptr);
    if (ready > 0) return {};
    if (ready == 0) return fail(kTimeout, "the time limit passed while waiting for a peer");
    if (errno != EINTR) return system_failure("ppoll");
  }
}

}  // namespace openpcc::process
