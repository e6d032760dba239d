#include "process/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace openpcc::process {

namespace {

Status notify(std::string_view text) {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr || *name == '\0') return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t size = std::strlen(name);
  if ((name[0] != '/' && name[0] != '@') || size >= sizeof(address.sun_path)) {
    return fail(kUnsafePath, "NOTIFY_SOCKET is no socket address");
  }
  std::memcpy(address.sun_path, name, size);
  if (name[0] == '@') address.sun_path[0] = '\0';  // the abstract name space
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return system_failure("socket");
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  if (::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length) <
      0) {
    return system_failure("sendto(NOTIFY_SOCKET)");
  }
  return {};
}

std::optional<uint64_t> number_of(const char* variable) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

Status notify_ready() {
  return notify("READY=1");
}

void notify_watchdog() {
  (void)notify("WATCHDOG=1");
}

std::optional<Clock::duration> watchdog_interval() {
  constexpr uint64_t kLongest = 86'400'000'000;  // a day: anything longer is a mistake
  const auto limit = number_of("WATCHDOG_USEC");
  if (!limit || *limit == 0 || *limit > kLongest) return std::nullopt;
  if (const auto pid = number_of("WATCHDOG_PID"); pid && *pid != static_cast<uint64_t>(::getpid())) return std::nullopt;
  return std::chrono::microseconds(*limit) / 2;
}

Watchdog::Watchdog() : interval_(watchdog_interval()) {
  if (interval_) next_ = Clock::now();
}

void Watchdog::tick() {
  const auto now = Clock::now();
  if (!interval_ || now < next_) return;
  notify_watchdog();
  next_ = now + *interval_;
}

}  // namespace openpcc::process
