// ping.h - asks a compute_worker whether it is there and what it serves: compute_boot's readiness check.
#pragma once

#include "process/fd.h"
#include "worker/protocol.h"

namespace openpcc::worker {

struct Pong {
  std::string engine;
  std::vector<std::string> models;
  std::vector<std::string> without;  // layers of the sandbox
  bool ready = false;
};

// Waits until the worker listens at `socket_path` and has answered: its models are loaded then. process::kTimeout when
// the deadline passed first.
[[nodiscard]] Result<Pong> ping(const std::string& socket_path, process::Deadline deadline);

}  // namespace openpcc::worker
