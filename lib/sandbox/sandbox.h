// sandbox.h - what a worker's child gives up between its fork and the first byte of a request.
//
// create() and try_out() run in the parent, enter() in the child. docs/sandbox.md lists what is left afterwards: every
// system call, file and descriptor. Linux only. Not thread-safe; enter() needs a process with one thread.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <span>

#include "process/fd.h"

namespace openpcc::sandbox {

// A layer is missing: of the kernel, or of this process's privileges. The message names it and how to do without.
inline constexpr ErrorCode kUnavailable{"sandbox.unavailable"};

// The layers that a configuration may name to do without. Closed descriptors, limits, no core dump, no new privileges
// and being last to get the processor and first to be killed for memory are always there.
enum class Layer {
  kUser,      // a user id that no other process has
  kNetwork,   // a network namespace with nothing in it
  kLandlock,  // no file can be opened, made or removed
  kSeccomp,   // no system call but those of syscall_filter.h
};
inline constexpr Layer kAllLayers[] = {Layer::kUser, Layer::kNetwork, Layer::kLandlock, Layer::kSeccomp};
[[nodiscard]] std::string_view name_of(Layer layer);  // "user", "network", "landlock", "seccomp"
[[nodiscard]] std::optional<Layer> layer_named(std::string_view name);

struct Options {
  std::set<Layer> without = {};
  // With an engine behind a socket: enter() makes the network namespace, since that socket must be connected before.
  // Otherwise the parent stands in an empty one already (process::isolate_network), and the child with it.
  bool own_network = false;
  bool event_loop = false;  // allows the calls of an HTTP client on open sockets (epoll, timers)
  // Of address space, beyond what is mapped at enter(); 0: no limit. A sanitizer takes terabytes of it: a build with
  // one has no limit, and says so on standard error.
  uint64_t memory_bytes = 0;
  std::chrono::seconds cpu_time{0};  // of all threads together; 0: no limit
  uint32_t max_threads = 0;          // of the user id, this one included; 0: no limit. Without kUser: no limit
};

class Sandbox {
 public:
  [[nodiscard]] static Result<Sandbox> create(Options options);

  // A child of its own goes through enter() with `uid`, starts a thread and exits: whatever is missing here shows
  // before a request is accepted. kUnavailable with the layer's name.
  [[nodiscard]] Status try_out(uid_t uid) const;

  // For good, in this order: network, first to go when memory runs out, user, parent-death signal (the change of user
  // clears it), descriptors, limits, less of the processor than others, no core dump, no new privileges, Landlock,
  // seccomp. `uid`: whom to become, unless kUser is left out; needs CAP_SETUID and CAP_SETGID (own_network:
  // CAP_SYS_ADMIN), all of which are gone afterwards. `parent`: who must still be there. `keep`: the descriptors that
  // stay open beside standard input, output and error. After an error: _exit.
  [[nodiscard]] Status enter(uid_t uid, pid_t parent, std::span<const int> keep) const;

  [[nodiscard]] const Options& options() const { return options_; }

 private:
  Sandbox(Options options, Bytes filter) : options_(std::move(options)), filter_(std::move(filter)) {}
  [[nodiscard]] bool has(Layer layer) const { return !options_.without.contains(layer); }
  [[nodiscard]] Status limit() const;

  Options options_;
  Bytes filter_;  // BPF instructions
};

}  // namespace openpcc::sandbox
