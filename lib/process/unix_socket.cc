#include "process/unix_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

namespace openpcc::process {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.find('\0') != std::string::npos || path.size() >= sizeof(address.sun_path)) {
    return fail(kUnsafePath, "a socket path must have 1 to " + std::to_string(sizeof(address.sun_path) - 1) +
                                 " bytes: '" + path + "'");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Result<UniqueFd> stream_socket(int flags) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!fd) return system_failure("socket");
  return fd;
}

// Whoever can rename in the directory, or in one above it, can put another socket at our path.
Status check_directory(const std::string& path, uid_t owner) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path directory = fs::absolute(path, error).parent_path();
  if (!error) directory = fs::canonical(directory, error);
  if (error) return fail(kUnsafePath, "the directory of '" + path + "': " + error.message());
  bool nearest = true;
  while (true) {
    struct stat info {};
    if (::stat(directory.c_str(), &info) != 0) return system_failure("stat " + directory.string());
    const bool trusted = info.st_uid == 0 || info.st_uid == ::geteuid() || info.st_uid == owner;
    if (nearest && !trusted) {
      return fail(kUnsafePath, "the directory '" + directory.string() + "' belongs to uid " +
                                   std::to_string(info.st_uid) + ", who could exchange the socket in it");
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (info.st_mode & S_ISVTX) == 0) {
      return fail(kUnsafePath, "others can write to '" + directory.string() + "' and so exchange '" + path + "'");
    }
    if (directory == directory.root_path()) return {};
    directory = directory.parent_path();
    nearest = false;
  }
}

enum class Connected { yes, nobody_listens, not_there };

Result<Connected> try_connect(int fd, const sockaddr_un& address, const std::string& path) {
  while (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    switch (errno) {
      case EINTR:
        continue;
      case ECONNREFUSED:
      case EAGAIN:  // the backlog is full
        return Connected::nobody_listens;
      case ENOENT:
        return Connected::not_there;
      default:
        return system_failure("connect " + path);
    }
  }
  return Connected::yes;
}

Status check_replaceable(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return system_failure("lstat " + path);
  }
  if (!S_ISSOCK(info.st_mode)) return fail(kUnsafePath, "'" + path + "' exists and is no socket; it is left alone");
  OPENPCC_TRY(const UniqueFd probe, stream_socket(SOCK_NONBLOCK));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 || errno == EAGAIN) {
    return fail(kUnsafePath, "somebody already listens on '" + path + "'");
  }
  if (errno == ECONNREFUSED || errno == ENOENT) return {};
  return system_failure("connect " + path);
}

}  // namespace

Result<UniqueFd> listen_unix(const std::string& path, uid_t owner, int backlog) {
  OPENPCC_TRY(const sockaddr_un address, address_of(path));
  OPENPCC_TRY_STATUS(check_directory(path, owner));
  OPENPCC_TRY_STATUS(check_replaceable(path, address));
  // Made complete beside its place, then renamed there: nobody sees it with a wrong owner.
  const std::string draft = path + "." + std::to_string(::getpid());
  OPENPCC_TRY(const sockaddr_un draft_address, address_of(draft));
  OPENPCC_TRY(UniqueFd fd, stream_socket(0));
  // Linux gives the file the socket's own mode; set before bind() it is never wider.
  if (::fchmod(fd.get(), 0600) != 0) return system_failure("fchmod");
  ::unlink(draft.c_str());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&draft_address), sizeof(draft_address)) != 0) {
    return system_failure("bind " + draft);
  }
  const auto undo = [&](std::string_view call) {
    auto failure = system_failure(call);
    ::unlink(draft.c_str());
    return failure;
  };
  if (owner != ::geteuid() && ::lchown(draft.c_str(), owner, static_cast<gid_t>(-1)) != 0) {
    return undo("chown of '" + path + "' to uid " + std::to_string(owner));
  }
  struct stat info {};
  if (::lstat(draft.c_str(), &info) != 0) return undo("lstat");
  if ((info.st_mode & 07777 & ~static_cast<mode_t>(0600)) != 0 || info.st_uid != owner) {
    ::unlink(draft.c_str());
    return fail(kUnsafePath, "the file system of '" + path + "' keeps no owner or mode");
  }
  if (::listen(fd.get(), backlog) != 0) return undo("listen");
  if (::rename(draft.c_str(), path.c_str()) != 0) return undo("rename to " + path);
  return fd;
}

Result<UniqueFd> connect_unix(const std::string& path, Deadline deadline) {
  OPENPCC_TRY(const sockaddr_un address, address_of(path));
  while (true) {
    OPENPCC_TRY(UniqueFd fd, stream_socket(SOCK_NONBLOCK));
    OPENPCC_TRY(const Connected outcome, try_connect(fd.get(), address, path));
    if (outcome == Connected::yes) {
      OPENPCC_TRY_STATUS(set_nonblocking(fd.get(), false));
      return fd;
    }
    constexpr auto kPause = std::chrono::milliseconds(10);
    if (deadline != kForever && Clock::now() + kPause >= deadline) {
      return fail(kTimeout, outcome == Connected::not_there ? "there is no socket at '" + path + "'"
                                                            : "nobody listens on '" + path + "'");
    }
    std::this_thread::sleep_for(kPause);
  }
}

Result<UniqueFd> accept_unix(int listener, Deadline deadline) {
  while (true) {
    OPENPCC_TRY_STATUS(wait_for(listener, POLLIN, deadline));
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (fd) return fd;
    if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) return system_failure("accept4");
  }
}

Result<Peer> peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 || size != sizeof(credentials)) {
    return system_failure("getsockopt(SO_PEERCRED)");
  }
  return Peer{credentials.pid, credentials.uid, credentials.gid};
}

Status expect_peer(int fd, uid_t uid) {
  OPENPCC_TRY(const Peer peer, peer_of(fd));
  if (peer.uid == uid || peer.uid == 0) return {};
  return fail(kWrongPeer, "the peer has uid " + std::to_string(peer.uid) + ", only uid " + std::to_string(uid) +
                              " may connect here");
}

Result<std::pair<UniqueFd, UniqueFd>> socket_pair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return system_failure("socketpair");
  return std::pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace openpcc::process
