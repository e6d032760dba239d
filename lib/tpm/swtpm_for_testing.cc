#include "tpm/swtpm_for_testing.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

namespace openpcc::tpm {

namespace {

// A bare connection: swtpm listens only when it is ready for commands.
bool answers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::ranges::copy(path, address.sun_path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

}  // namespace

Result<SwtpmForTesting> SwtpmForTesting::start() {
  SwtpmForTesting out;
  const char* base = getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): tests set no environment in threads
  std::string directory = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/openpcc-swtpm-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) return fail(kNoSwtpm, "no temporary directory");
  out.directory_ = directory;
  OPENPCC_TRY_STATUS(out.spawn());
  return out;
}

SwtpmForTesting::SwtpmForTesting(SwtpmForTesting&& other) noexcept
    : directory_(std::exchange(other.directory_, {})), pid_(std::exchange(other.pid_, -1)) {}

SwtpmForTesting::~SwtpmForTesting() {
  kill();
  if (directory_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void SwtpmForTesting::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

Status SwtpmForTesting::restart() {
  kill();
  return spawn();
}

Status SwtpmForTesting::spawn() {
  unlink(socket_path().c_str());
  const std::string state = "dir=" + directory_;
  const std::string server = "type=unixio,path=" + socket_path() + ",mode=0600";
  const std::string log = "file=" + directory_ + "/log";
  const char* const arguments[] = {"swtpm",        "socket",      "--tpm2",
                                   "--tpmstate",   state.c_str(), "--server",
                                   server.c_str(), "--flags",     "not-need-init,startup-clear",
                                   "--log",        log.c_str(),   nullptr};
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) return fail(kNoSwtpm, "fork failed");
  if (pid_ == 0) {
    // The kernel kills it when the thread that started it ends, however it ends.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    umask(077);
    if (const int null = open("/dev/null", O_RDWR | O_CLOEXEC); null >= 0) {
      for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, standard);
    }
    execvp(arguments[0], const_cast<char* const*>(arguments));
    _exit(127);
  }
  constexpr int kPatience = 1000;  // times 10 ms
  for (int i = 0; i < kPatience; ++i) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      const bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
      return fail(kNoSwtpm, missing ? "swtpm is not installed" : "swtpm ended at once; see " + directory_ + "/log");
    }
    if (answers(socket_path())) return {};
    usleep(10000);
  }
  return fail(kNoSwtpm, "swtpm does not listen");
}

}  // namespace openpcc::tpm
