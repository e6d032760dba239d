// node_evidence.h - the evidence that compute_boot hands over, once, and what router_com takes from it (PROTOCOL H.8).
//
// Who hands it over decides which key requests are opened with, so the peer's uid is checked. Nothing is verified here:
// clients do that.
#pragma once

#include <memory>

#include "process/fd.h"
#include "wire/evidence.h"

namespace openpcc::router_com {

inline constexpr ErrorCode kBadEvidence{"router_com.bad_evidence"};  // a mandatory piece is missing or malformed

struct NodeEvidence {
  wire::SignedEvidenceList list;
  Bytes rek_point;  // 65 bytes, for the workers
};

// The request encryption key's public half and name, and the quote's PCR values are mandatory; where a piece comes
// twice the last counts. kBadEvidence.
[[nodiscard]] Result<NodeEvidence> read_evidence(wire::SignedEvidenceList list);

// Waits for one connection with a whole list; connections of other users are refused and do not count.
// process::kTimeout, or kCancelled when `stop` becomes readable.
inline constexpr ErrorCode kCancelled{"router_com.cancelled"};
[[nodiscard]] Result<NodeEvidence> receive_evidence(int listener, uid_t sender, process::Deadline deadline, int stop);

}  // namespace openpcc::router_com
