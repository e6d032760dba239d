#include "router_com/node_evidence.h"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <cerrno>

#include "process/message.h"
#include "process/unix_socket.h"
#include "tpmwire/public_area.h"

namespace openpcc::router_com {
namespace {

const wire::SignedEvidencePiece* last_of(const wire::SignedEvidenceList& list, wire::EvidenceType type) {
  const wire::SignedEvidencePiece* found = nullptr;
  for (const auto& piece : list) {
    if (piece.type == type) found = &piece;
  }
  return found;
}

// Readable: `listener`, then true; `stop`, then false.
Result<bool> wait_for_either(int listener, int stop, process::Deadline deadline) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - process::Clock::now()).count();
    if (left <= 0) return fail(process::kTimeout, "no evidence came within the time limit");
    pollfd polled[] = {{listener, POLLIN, 0}, {stop, POLLIN, 0}};
    const int ready = ::poll(polled, 2, static_cast<int>(std::min<int64_t>(left + 1, 3'600'000)));
    if (ready < 0 && errno != EINTR) return process::system_failure("poll");
    if (ready <= 0) continue;
    return polled[1].revents == 0;
  }
}

}  // namespace

Result<NodeEvidence> read_evidence(wire::SignedEvidenceList list) {
  const auto* key = last_of(list, wire::EvidenceType::kTpmtPublic);
  const auto* quote = last_of(list, wire::EvidenceType::kTpmQuote);
  if (key == nullptr) return fail(kBadEvidence, "the evidence has no request encryption key");
  if (quote == nullptr) return fail(kBadEvidence, "the evidence has no TPM quote");
  const auto area = tpmwire::parse_public(key->data);
  if (!area) return fail(kBadEvidence, "the request encryption key: " + area.error().message);
  auto point = tpmwire::uncompressed_point(*area);
  if (!point) return fail(kBadEvidence, "the request encryption key: " + point.error().message);
  const auto name = tpmwire::object_name(*area);
  if (!name || *name != key->signature)
    return fail(kBadEvidence, "the name beside the request encryption key is not its own");
  const auto attestation = wire::decode_tpm_quote(quote->data);
  if (!attestation) return fail(kBadEvidence, "the TPM quote: " + attestation.error().message);
  if (attestation->pcrs.empty()) return fail(kBadEvidence, "the TPM quote has no PCR values");
  return NodeEvidence{std::move(list), std::move(*point)};
}

Result<NodeEvidence> receive_evidence(int listener, uid_t sender, process::Deadline deadline, int stop) {
  while (true) {
    OPENPCC_TRY(const bool came, wait_for_either(listener, stop, deadline));
    if (!came) return fail(kCancelled, "told to stop while waiting for the evidence");
    OPENPCC_TRY(const process::UniqueFd peer, process::accept_unix(listener, deadline));
    if (const auto allowed = process::expect_peer(peer.get(), sender); !allowed) {
      spdlog::warn("refused evidence: {}", allowed.error().message);
      continue;
    }
    OPENPCC_TRY(const auto message, process::receive_message(peer.get(), wire::kMaxEvidenceSize, deadline));
    OPENPCC_TRY(auto list, wire::decode_evidence_list(message.body));
    return read_evidence(std::move(list));
  }
}

}  // namespace openpcc::router_com
