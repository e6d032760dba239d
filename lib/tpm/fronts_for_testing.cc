#include "tpm/fronts_for_testing.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

namespace openpcc::tpm {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

// Reads exactly `size` bytes, unless the other end goes or `stop` is set.
std::optional<Bytes> read_exactly(int fd, size_t size, const std::atomic<bool>& stop) {
  Bytes out(size);
  size_t have = 0;
  while (have < size) {
    pollfd look{fd, POLLIN, 0};
    const int ready = ::poll(&look, 1, 20);
    if (stop) return std::nullopt;
    if (ready <= 0) continue;
    const ssize_t got = ::read(fd, out.data() + have, size - have);
    if (got <= 0) return std::nullopt;
    have += static_cast<size_t>(got);
  }
  return out;
}

bool write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return true;
}

uint32_t number(ByteView bytes, size_t at) {
  return uint32_t{bytes[at]} << 24 | uint32_t{bytes[at + 1]} << 16 | uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}

Bytes encoded(uint32_t value) {
  return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16), static_cast<uint8_t>(value >> 8),
          static_cast<uint8_t>(value)};
}

// A TPM command or answer: tag (2 bytes), size of the whole (4 bytes), code (4 bytes), the rest (Part 1, 18).
constexpr size_t kHeader = 10;
std::optional<Bytes> read_message(int fd, const std::atomic<bool>& stop) {
  auto message = read_exactly(fd, kHeader, stop);
  if (!message) return std::nullopt;
  const size_t size = number(*message, 2);
  if (size < kHeader || size > 8192) return std::nullopt;
  const auto rest = read_exactly(fd, size - kHeader, stop);
  if (!rest) return std::nullopt;
  append(*message, *rest);
  return message;
}

Descriptor connect_swtpm(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path.substr(0, sizeof(address.sun_path) - 1), address.sun_path);
  Descriptor out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) std::abort();
  return out;
}

// Listens on loopback; port 0 takes any. No descriptor when the port is taken.
Descriptor listen_on(uint16_t& port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t size = sizeof(address);
  Descriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(out.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return Descriptor();
  if (::listen(out.get(), 4) != 0) return Descriptor();
  ::getsockname(out.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return out;
}

class MssimFront final : public TpmFront {
 public:
  explicit MssimFront(const std::string& socket_path) : swtpm_(connect_swtpm(socket_path)) {
    while (platform_.get() < 0) {  // two free ports, one behind the other
      port_ = 0;
      command_ = listen_on(port_);
      uint16_t next = static_cast<uint16_t>(port_ + 1);
      platform_ = listen_on(next);
    }
    commands_ = std::thread([this] { serve(command_.get(), [this](int peer) { return command(peer); }); });
    platforms_ = std::thread([this] { serve(platform_.get(), [this](int peer) { return platform(peer); }); });
  }
  ~MssimFront() override {
    stop_ = true;
    commands_.join();
    platforms_.join();
  }
  [[nodiscard]] Connection connection() const override { return Connection::mssim("127.0.0.1", port_); }

 private:
  template <typename Answer>
  void serve(int listener, Answer answer) {
    while (!stop_) {
      pollfd look{listener, POLLIN, 0};
      if (::poll(&look, 1, 20) <= 0) continue;
      const Descriptor peer(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
      while (answer(peer.get())) {
      }
    }
  }

  // tpm2-tss sends a command in small pieces, each of which waits for the acknowledgement of the one before.
  std::optional<Bytes> read_at_once(int peer, size_t size) {
    const int on = 1;
    ::setsockopt(peer, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
    return read_exactly(peer, size, stop_);
  }

  bool command(int peer) {
    constexpr uint32_t kSendCommand = 8;
    const auto what = read_at_once(peer, 4);
    if (!what || number(*what, 0) != kSendCommand) return false;  // 20: the end of the session
    const auto locality = read_at_once(peer, 1);
    const auto size = locality ? read_at_once(peer, 4) : std::nullopt;
    if (!size || number(*size, 0) > 8192) return false;
    const auto request = read_at_once(peer, number(*size, 0));
    if (!request || !write_all(swtpm_.get(), *request)) return false;
    const auto response = read_message(swtpm_.get(), stop_);
    if (!response) return false;
    Bytes out = encoded(static_cast<uint32_t>(response->size()));
    append(out, *response);
    append(out, encoded(0));
    return write_all(peer, out);
  }

  // Power on, NV on, cancel: swtpm has all of that behind it.
  bool platform(int peer) {
    constexpr uint32_t kSessionEnd = 20;
    const auto what = read_exactly(peer, 4, stop_);
    return what && number(*what, 0) != kSessionEnd && write_all(peer, encoded(0));
  }

  Descriptor swtpm_, command_, platform_;
  uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread commands_, platforms_;
};

class DeviceFront final : public TpmFront {
 public:
  explicit DeviceFront(const std::string& socket_path)
      : swtpm_(connect_swtpm(socket_path)), master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    char name[64];
    if (::grantpt(master_.get()) != 0 || ::unlockpt(master_.get()) != 0 ||
        ::ptsname_r(master_.get(), name, sizeof(name)) != 0) {
      std::abort();
    }
    path_ = name;
    slave_ = Descriptor(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));  // kept: without any user the terminal hangs up
    termios raw{};
    ::tcgetattr(slave_.get(), &raw);
    ::cfmakeraw(&raw);
    ::tcsetattr(slave_.get(), TCSANOW, &raw);
    thread_ = std::thread([this] {
      while (const auto request = read_message(master_.get(), stop_)) {
        if (!write_all(swtpm_.get(), *request)) return;
        const auto response = read_message(swtpm_.get(), stop_);
        if (!response || !write_all(master_.get(), *response)) return;
      }
    });
  }
  ~DeviceFront() override {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] Connection connection() const override { return Connection::device(path_); }

 private:
  Descriptor swtpm_, master_, slave_;
  std::string path_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<TpmFront> mssim_front(const std::string& socket_path) {
  return std::make_unique<MssimFront>(socket_path);
}

std::unique_ptr<TpmFront> device_front(const std::string& socket_path) {
  return std::make_unique<DeviceFront>(socket_path);
}

}  // namespace openpcc::tpm
