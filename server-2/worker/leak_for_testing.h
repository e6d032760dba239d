// leak_for_testing.h - what a defective worker might do, so that the search for what a request left is known to work:
// compute_worker_leaky is compute_worker with this. Its children copy the ECDH result, the request's body and the
// answer to memory that they share with their parent. Installed nowhere.
#pragma once

#include "engine/engine.h"
#include "worker/child.h"

namespace openpcc::worker::leak {

// In the parent, once.
[[nodiscard]] std::unique_ptr<engine::Engine> leaky(std::unique_ptr<engine::Engine> engine);
[[nodiscard]] AskBroker leaky(AskBroker ask_broker);

}  // namespace openpcc::worker::leak
