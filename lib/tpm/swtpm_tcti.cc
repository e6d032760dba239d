#include "tpm/swtpm_tcti.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/secret_bytes.h"
#include "tpm/tpm.h"

namespace openpcc::tpm {

namespace {

constexpr uint64_t kMagic = 0x6f70656e70636331;  // "openpcc1": tells this transport's contexts from others
constexpr size_t kHeaderSize = 10;               // u16 tag, u32 size, u32 code

// The library passes the context back; base_ is the first member, so its address is the object's.
template <typename Self>
Self* self_of(TSS2_TCTI_CONTEXT* context) {
  return reinterpret_cast<Self*>(context);
}

TSS2_RC not_implemented_cancel(TSS2_TCTI_CONTEXT*) {
  return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}
TSS2_RC not_implemented_handles(TSS2_TCTI_CONTEXT*, TSS2_TCTI_POLL_HANDLE*, size_t*) {
  return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}
TSS2_RC not_implemented_locality(TSS2_TCTI_CONTEXT*, uint8_t) {
  return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}
TSS2_RC not_implemented_sticky(TSS2_TCTI_CONTEXT*, TPM2_HANDLE*, uint8_t) {
  return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

std::string errno_text() {
  return std::strerror(errno);  // NOLINT(concurrency-mt-unsafe): one thread uses a Tpm
}

}  // namespace

SwtpmTcti::SwtpmTcti(int fd, std::chrono::seconds timeout) : fd_(fd), timeout_(timeout) {
  base_.v1.magic = kMagic;
  base_.v1.version = 2;
  base_.v1.transmit = [](TSS2_TCTI_CONTEXT* context, size_t size, const uint8_t* command) {
    return self_of<SwtpmTcti>(context)->transmit(size, command);
  };
  base_.v1.receive = [](TSS2_TCTI_CONTEXT* context, size_t* size, uint8_t* response, int32_t timeout_ms) {
    return self_of<SwtpmTcti>(context)->receive(size, response, timeout_ms);
  };
  base_.v1.finalize = [](TSS2_TCTI_CONTEXT*) {};  // the destructor closes
  base_.v1.cancel = not_implemented_cancel;
  base_.v1.getPollHandles = not_implemented_handles;
  base_.v1.setLocality = not_implemented_locality;
  base_.makeSticky = not_implemented_sticky;
}

SwtpmTcti::~SwtpmTcti() {
  wipe(buffer_);
  close(fd_);
}

Result<std::unique_ptr<SwtpmTcti>> SwtpmTcti::connect(const std::string& path, std::chrono::seconds timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return fail(kUnreachable, "the socket path of swtpm is empty or too long");
  }
  std::ranges::copy(path, address.sun_path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(kUnreachable, "socket: " + errno_text());
  std::unique_ptr<SwtpmTcti> tcti(new SwtpmTcti(fd, timeout));
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return fail(kUnreachable, "cannot connect to swtpm at " + path + ": " + errno_text());
  }
  return tcti;
}

TSS2_RC SwtpmTcti::dead(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
  return TSS2_TCTI_RC_IO_ERROR;
}

TSS2_RC SwtpmTcti::transmit(size_t size, const uint8_t* command) {
  if (!failure_.empty()) return TSS2_TCTI_RC_IO_ERROR;
  if (command == nullptr) return TSS2_TCTI_RC_BAD_REFERENCE;
  if (waiting_) return TSS2_TCTI_RC_BAD_SEQUENCE;
  for (size_t sent = 0; sent < size;) {
    const ssize_t count = send(fd_, command + sent, size - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return dead("sending to swtpm: " + errno_text());
    sent += static_cast<size_t>(count);
  }
  waiting_ = true;
  have_ = 0;
  return TSS2_RC_SUCCESS;
}

TSS2_RC SwtpmTcti::fill(size_t want, int32_t timeout_ms) {
  using Clock = std::chrono::steady_clock;
  const bool forever = timeout_ms < 0;
  const auto deadline =
      Clock::now() + (forever ? std::chrono::milliseconds(timeout_) : std::chrono::milliseconds(timeout_ms));
  while (have_ < want) {
    pollfd waiter{fd_, POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const int ready = poll(&waiter, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 3600000)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return dead("waiting for swtpm: " + errno_text());
    if (ready == 0) {
      if (!forever) return TSS2_TCTI_RC_TRY_AGAIN;
      return dead("swtpm gave no answer within " + std::to_string(timeout_.count()) +
                  " s (it serves one client at a time: is another connected?)");
    }
    const ssize_t count = recv(fd_, buffer_.data() + have_, want - have_, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return dead("reading from swtpm: " + errno_text());
    if (count == 0) return dead("swtpm closed the connection");
    have_ += static_cast<size_t>(count);
  }
  return TSS2_RC_SUCCESS;
}

TSS2_RC SwtpmTcti::receive(size_t* size, uint8_t* response, int32_t timeout_ms) {
  if (!failure_.empty()) return TSS2_TCTI_RC_IO_ERROR;
  if (size == nullptr) return TSS2_TCTI_RC_BAD_REFERENCE;
  if (!waiting_) return TSS2_TCTI_RC_BAD_SEQUENCE;
  if (const TSS2_RC code = fill(kHeaderSize, timeout_ms); code != TSS2_RC_SUCCESS) return code;
  size_t total = 0;
  for (size_t i = 2; i < 6; ++i) total = total << 8 | buffer_[i];
  if (total < kHeaderSize || total > buffer_.size()) {
    return dead("swtpm announced an answer of " + std::to_string(total) + " bytes");
  }
  if (const TSS2_RC code = fill(total, timeout_ms); code != TSS2_RC_SUCCESS) return code;
  if (response == nullptr) {
    *size = total;
    return TSS2_RC_SUCCESS;
  }
  if (*size < total) return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
  std::copy_n(buffer_.begin(), total, response);
  wipe(MutableByteView(buffer_).first(total));
  *size = total;
  waiting_ = false;
  return TSS2_RC_SUCCESS;
}

}  // namespace openpcc::tpm
