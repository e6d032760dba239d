#include "process/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>

namespace openpcc::process {

Status notify_ready() {
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
  constexpr std::string_view kReady = "READY=1";
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  if (::sendto(fd.get(), kReady.data(), kReady.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
               length) < 0) {
    return system_failure("sendto(NOTIFY_SOCKET)");
  }
  return {};
}

}  // namespace openpcc::process
