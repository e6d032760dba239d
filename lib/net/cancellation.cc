#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "net/blocking_client.h"

namespace openpcc::net {

Cancellation::Cancellation() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Cancellation::~Cancellation() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Cancellation::cancel() noexcept {
  const int before = errno;  // a signal handler must leave it alone
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof(one));
  errno = before;
}

void Cancellation::reset() noexcept {
  uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(descriptor_, &count, sizeof(count));
}

bool Cancellation::cancelled() const noexcept {
  pollfd look{descriptor_, POLLIN, 0};  // no read(): looking must not take the signal away
  return ::poll(&look, 1, 0) > 0;
}

}  // namespace openpcc::net
