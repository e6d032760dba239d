// raw_peer_for_testing.h - the other end of a connection, byte by byte, on plain blocking sockets. For tests only.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace openpcc::net {

// A connection. Reading gives up after ten seconds, so that a broken test ends.
class RawPeer {
 public:
  explicit RawPeer(int descriptor) : descriptor_(descriptor) {
    const timeval limit{10, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  [[nodiscard]] static RawPeer connect(uint16_t port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) std::abort();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    return RawPeer(descriptor);
  }
  RawPeer(RawPeer&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  RawPeer& operator=(RawPeer&&) = delete;
  ~RawPeer() { close(); }

  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto count = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  // Until the peer ends, resets (then `was_reset`) or ten seconds pass.
  std::string read_to_end() {
    std::string out;
    while (read_more(out)) {
    }
    return out;
  }
  // Until `end` has come; what came after it is kept.
  std::string read_until(std::string_view end) {
    while (kept_.find(end) == std::string::npos && read_more(kept_)) {
    }
    const size_t found = kept_.find(end);
    const size_t size = found == std::string::npos ? kept_.size() : found + end.size();
    std::string out = kept_.substr(0, size);
    kept_.erase(0, size);
    return out;
  }
  // Reads and drops exactly so many bytes. False: they did not all come.
  bool read_size(size_t size) {
    while (kept_.size() < size) {
      if (!read_more(kept_)) return false;
    }
    kept_.erase(0, size);
    return true;
  }
  [[nodiscard]] bool readable_within(int milliseconds) const {
    pollfd look{descriptor_, POLLIN, 0};
    return ::poll(&look, 1, milliseconds) > 0;
  }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close();
  }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  bool was_reset = false;

 private:
  bool read_more(std::string& out) {
    char buffer[65536];
    const auto count = ::recv(descriptor_, buffer, sizeof(buffer), 0);
    if (count < 0) was_reset = errno == ECONNRESET;
    if (count <= 0) return false;
    out.append(buffer, static_cast<size_t>(count));
    return true;
  }

  int descriptor_;
  std::string kept_;
};

// Listens on loopback and gives each connection, one after the other, to `talk` on a thread of its own.
class RawServer {
 public:
  explicit RawServer(std::function<void(RawPeer&)> talk) : talk_(std::move(talk)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener_ < 0) std::abort();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    (void)::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size);
    (void)::listen(listener_, 64);
    (void)::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      while (true) {
        const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (descriptor < 0) return;
        ++connections;
        RawPeer peer(descriptor);
        talk_(peer);
      }
    });
  }
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(std::string_view path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  std::atomic<int> connections = 0;

 private:
  std::function<void(RawPeer&)> talk_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace openpcc::net
