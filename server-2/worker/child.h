// child.h - the single-use process that serves one request: the only one on the node that ever holds its plaintext.
//
// request head and sealed body in (worker/protocol.h) -> broker's Diffie-Hellman -> open -> validate -> engine -> seal
// -> official worker framing out. Whatever arrives is hostile; nothing of it is logged. Runs in a forked process that
// holds two sockets and exits afterwards, so that the kernel wipes what the request left.
#pragma once

#include <functional>

#include "base/secret_bytes.h"
#include "engine/engine.h"
#include "process/fd.h"
#include "worker/children.h"

namespace openpcc::worker {

// One Diffie-Hellman with the request encryption key, asked over the child's own socket to the broker.
using AskBroker = std::function<Result<SecretBytes>(int broker, ByteView enc)>;

struct ChildOptions {
  std::vector<std::string> models;
  Bytes badge_key;  // Ed25519, 32 bytes; empty: no badge is demanded
  engine::Engine* engine = nullptr;
  engine::Engine* noop = nullptr;  // answers what X-Confsec-Exec asks for
  AskBroker ask_broker;
  process::Clock::duration receive_limit = std::chrono::minutes(1);  // for the whole request to arrive
  process::Clock::duration min_flush_interval{};                     // see SealedAnswer
  bool pad_lines = false;  // see PaddedLines; not what X-Confsec-Exec asks for
};

// The exit status (protocol.h). Does not throw.
[[nodiscard]] int serve_one_request(const ChildOptions& options, ChildEnds ends);

}  // namespace openpcc::worker
