// unix_socket.h - UNIX stream sockets between the programs of one machine: who may connect is decided by file
// permissions and, again, by the peer's uid as the kernel reports it. The path's directory must not let strangers
// exchange the socket.
#pragma once

#include <sys/types.h>

#include "process/fd.h"

namespace openpcc::process {

struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

// Listens at `path`: mode 0600, owned by `owner` (giving it to another user needs root). A stale socket there is
// replaced only when nobody answers on it; anything else at that path is kUnsafePath, and so is a directory that others
// can write to without the sticky bit. The socket never exists with wider permissions.
[[nodiscard]] Result<UniqueFd> listen_unix(const std::string& path, uid_t owner, int backlog = 64);

// Connects; with a deadline in the future it tries again while nobody listens there yet.
[[nodiscard]] Result<UniqueFd> connect_unix(const std::string& path, Deadline deadline);

// The next connection. kTimeout when none came. The listener may be blocking or not.
[[nodiscard]] Result<UniqueFd> accept_unix(int listener, Deadline deadline);

// The other end's credentials at the time it connected (SO_PEERCRED).
[[nodiscard]] Result<Peer> peer_of(int fd);

// kWrongPeer unless the other end has this uid, or is root.
[[nodiscard]] Status expect_peer(int fd, uid_t uid);

// Two connected stream sockets, close-on-exec.
[[nodiscard]] Result<std::pair<UniqueFd, UniqueFd>> socket_pair();

}  // namespace openpcc::process
