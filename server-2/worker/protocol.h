// protocol.h - what router_com and compute_worker say to each other.
//
// Control connection (UNIX socket of the worker's parent; process/message.h framing, one ControlMessage each):
//   -> kPing tag            <- kPong tag, engine, models, without, ready, room (also compute_boot's readiness check)
//   -> kMetrics tag         <- kMetricsText tag, text          (worker/metrics.h)
//   -> kStart tag           <- kStarted tag, id + the child's socket | kBusy tag | kFailed tag
//   -> kCancel tag                                             a kStart that still waits is forgotten: no answer comes
//   -> kStop id                                                the child is killed at once
//                           <- kEnded id, how                  once per started child, after it is gone
// A kStart may be answered late: over the number of children at work it waits in a queue, which is bounded too.
// When the connection closes, all children started on it are killed.
//
// Child's socket: a RequestHead message, then body messages of at most kMaxBodyPart sealed bytes, then an empty
// message: the body is whole. The answer is the official worker framing (wire/worker_output.h) and then the end of the
// stream. A stream that ends before its header means: no answer; kEnded has the reason.
//
// Both ends are hostile to each other: everything has a cap and is parsed strictly. Thread-safe: plain values.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/bytes.h"

namespace openpcc::worker {

inline constexpr ErrorCode kBadControl{
    "worker.bad_control"};                               // no control message, or more or less than it should hold
inline constexpr ErrorCode kBadHead{"worker.bad_head"};  // no request head

inline constexpr size_t kMaxControlMessage = 64 * 1024;
inline constexpr size_t kMaxText = kMaxControlMessage - 16;
inline constexpr size_t kMaxHeadMessage = 1024;
inline constexpr size_t kMaxBodyPart = 64 * 1024;
inline constexpr size_t kMaxModels = 256;
inline constexpr size_t kMaxLayers = 16;
inline constexpr size_t kMaxNameSize = 512;
inline constexpr size_t kMaxAllModelNames = 32 * 1024;  // together, so that a kPong stays under kMaxControlMessage

// The longest that a kStart waits in the queue.
inline constexpr auto kMaxQueueTime = std::chrono::seconds(30);

// Exit status of a child, as in the official worker where that has one.
inline constexpr int kExitAnswered = 0;
inline constexpr int kExitFailed = 1;         // the answer, if one began, is broken
inline constexpr int kExitNotDecrypted = 10;  // the request does not open here: the sender's fault
inline constexpr int kExitNoMemory = 12;      // ours: the request needed more memory than a child may have

enum class ControlType : uint8_t {
  kPing = 0x01,
  kStart = 0x02,
  kStop = 0x03,
  kMetrics = 0x04,
  kCancel = 0x05,
  kPong = 0x81,
  kStarted = 0x82,
  kBusy = 0x83,
  kFailed = 0x84,
  kEnded = 0x85,
  kMetricsText = 0x86,
};

// How a child ended.
enum class Ending : uint8_t {
  kExited = 0,    // by itself: `code` is its exit status
  kCrashed = 1,   // `code` is the signal
  kOvertime = 2,  // killed at the time limit, or for its use of processor time
  kStopped = 3,   // killed because nobody wanted its answer any more
};

// One struct for all: `tag` is the asker's own number, returned to him; which of the rest count depends on the type.
struct ControlMessage {
  ControlType type = ControlType::kPing;
  uint32_t tag = 0;                       // all but kStop, kEnded
  uint64_t child = 0;                     // kStarted, kStop, kEnded
  Ending ending = Ending::kExited;        // kEnded
  int32_t code = 0;                       // kEnded: exit status or signal, 0..255
  std::string engine = {};                // kPong
  bool ready = false;                     // kPong: a request would find the TPM broker
  bool room = false;                      // kPong: a kStart would find a child, or a place in the queue
  std::string text = {};                  // kMetricsText
  std::vector<std::string> models = {};   // kPong
  std::vector<std::string> without = {};  // kPong: layers of the sandbox that the configuration does without
  friend bool operator==(const ControlMessage&, const ControlMessage&) = default;
};

[[nodiscard]] Bytes encode(const ControlMessage& message);
// kBadControl for anything that encode() would not write.
[[nodiscard]] Result<ControlMessage> parse_control(ByteView bytes);

// What a child must know beside the sealed bytes. Nothing here is secret, and nothing of it is trusted.
struct RequestHead {
  std::string media_type;
  Bytes encapsulated_key;
  Bytes rek_point;  // the node's public key; a wrong one only keeps the request from opening
  int64_t credit_amount = 0;
  friend bool operator==(const RequestHead&, const RequestHead&) = default;
};

// The parts must be within the caps: media type 64 bytes, key 384, point 65, amount above 0.
[[nodiscard]] Bytes encode(const RequestHead& head);
[[nodiscard]] Result<RequestHead> parse_request_head(ByteView bytes);

}  // namespace openpcc::worker
