// pcc_process_for_testing.h - runs the program itself, as a process, with an environment of its own.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace openpcc::sdk {

struct Done {
  int code = -1;
  std::string out, err;
};

// Runs pcc and waits for it, at most 20 s.
class Pcc {
 public:
  explicit Pcc(const std::string& router) {
    environment["OPENPCC_ROUTER"] = router;
    environment["OPENPCC_MODEL"] = "test:stub";
    environment["OPENPCC_DEV_ATTESTATION"] = "1";
    environment["XDG_CONFIG_HOME"] = "/nonexistent";
    environment["PATH"] = "/usr/bin:/bin";
    // Of the build with ThreadSanitizer: so that what it reports of the program, too, has the names of functions.
    if (const char* options = std::getenv("TSAN_OPTIONS")) environment["TSAN_OPTIONS"] = options;
  }
  std::map<std::string, std::string> environment;
  // Called before the program starts and after it has ended. What passes through another process orders nothing between
  // the threads of this one: where the program talks to a server of the test's, this must.
  std::function<void()> order_memory = [] {};

  [[nodiscard]] std::vector<std::string> environment_pairs() const {
    std::vector<std::string> pairs;
    for (const auto& [name, value] : environment) pairs.push_back(name + "=" + value);
    return pairs;
  }
  // For exec; valid while the strings are.
  static std::vector<char*> pointers_to(std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    for (auto& text : strings) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
  }

  Done run(std::vector<std::string> arguments, const std::string& input = "") const {
    int in[2], out[2], err[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) std::abort();
    arguments.insert(arguments.begin(), OPENPCC_PCC);
    std::vector<std::string> pairs = environment_pairs();
    const auto argv = pointers_to(arguments), envp = pointers_to(pairs);
    order_memory();
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::dup2(err[1], 2);
      ::execve(OPENPCC_PCC, argv.data(), envp.data());
      ::_exit(126);
    }
    ::close(in[0]);
    ::close(out[1]);
    ::close(err[1]);
    std::thread writer([&] {
      std::string_view left = input;
      while (!left.empty()) {
        const auto count = ::write(in[1], left.data(), left.size());
        if (count <= 0) break;
        left.remove_prefix(static_cast<size_t>(count));
      }
      ::close(in[1]);
    });
    Done done;
    collect(pid, out[0], err[0], done);
    writer.join();
    int status = 0;
    ::waitpid(pid, &status, 0);
    order_memory();
    done.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return done;
  }

 private:
  void collect(pid_t pid, int out, int err, Done& done) const {
    pollfd polled[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
    while (polled[0].fd >= 0 || polled[1].fd >= 0) {
      if (::poll(polled, 2, 20'000) == 0) ::kill(pid, SIGKILL);
      for (auto& [descriptor, events, revents] : polled) {
        if (descriptor < 0 || revents == 0) continue;
        char buffer[4096];
        const auto count = ::read(descriptor, buffer, sizeof buffer);
        std::string& text = descriptor == out ? done.out : done.err;
        if (count <= 0) {
          ::close(descriptor);
          descriptor = -1;
        } else {
          text.append(buffer, static_cast<size_t>(count));
        }
      }
    }
  }
};

}  // namespace openpcc::sdk
