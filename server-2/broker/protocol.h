// protocol.h - what compute_worker and tpm_broker say to each other.
//
// Control connection (UNIX socket of the broker, mode 0600, the worker's uid): the worker's parent connects before it
// has any child, and the broker takes one such connection at a time: a child, which has the same uid, cannot get one of
// its own. On it the parent passes one end of a fresh socket pair for each child (offer_pair). There is no answer; when
// the connection ends, the broker is gone: the parent ends all children first and connects again then.
//
// Pair, for one ECDH and no more:   child -> enc, 65 bytes (04 X Y)   broker -> status, 1 byte; X coordinate, 32 bytes
// (zeros unless the status is kShared); then the broker closes. Anything else on a pair closes it without an answer.
// No byte of a request's body reaches the broker. Both ends treat each other as hostile.
#pragma once

#include "base/secret_bytes.h"
#include "process/fd.h"

namespace openpcc::broker {

inline constexpr ErrorCode kBadPoint{"broker.bad_point"};    // enc is no point of the curve: the sender's fault
inline constexpr ErrorCode kTpmFailed{"broker.tpm_failed"};  // the TPM refused or failed: this node's fault
inline constexpr ErrorCode kGone{"broker.gone"};             // closed without an answer, or too late
inline constexpr ErrorCode kBadAnswer{"broker.bad_answer"};  // an answer outside the protocol

inline constexpr size_t kEncSize = 65;
inline constexpr size_t kSharedSize = 32;
inline constexpr size_t kAnswerSize = 1 + kSharedSize;

enum class Answer : uint8_t { kShared = 0, kRefusedPoint = 1, kFailed = 2 };

// In the worker's parent: hands one end of a pair to the broker. The caller closes its copy.
[[nodiscard]] Status offer_pair(int control, int pair_end, process::Deadline deadline);

// In the worker's child: the one ECDH that this pair is good for. `enc65` is checked by length alone.
[[nodiscard]] Result<SecretBytes> zgen_over(int pair, ByteView enc65,
                                            process::Deadline deadline = process::within(std::chrono::seconds(60)));

// In the broker: the next end of a pair on a control connection. process::kPeerClosed when the parent left.
[[nodiscard]] Result<process::UniqueFd> receive_pair(int control, process::Deadline deadline);

}  // namespace openpcc::broker
