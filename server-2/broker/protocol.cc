#include "broker/protocol.h"

#include <algorithm>

#include "process/message.h"

namespace openpcc::broker {

namespace {

constexpr uint8_t kOffer = 1;  // the one control message

Error gone(const Error& cause) {
  return {kGone, "the TPM broker gave no answer: " + cause.message};
}

}  // namespace

Status offer_pair(int control, int pair_end, process::Deadline deadline) {
  return process::send_message(control, ByteView(&kOffer, 1), deadline, pair_end);
}

Result<process::UniqueFd> receive_pair(int control, process::Deadline deadline) {
  OPENPCC_TRY(process::Message message, process::receive_message(control, 1, deadline));
  if (message.body.size() != 1 || message.body[0] != kOffer || !message.fd) {
    return fail(process::kBadMessage, "a control message that offers no socket");
  }
  return std::move(message.fd);
}

Result<SecretBytes> zgen_over(int pair, ByteView enc65, process::Deadline deadline) {
  if (enc65.size() != kEncSize) return fail(kBadPoint, "the encapsulated point does not have 65 bytes");
  if (const Status sent = process::send_all(pair, enc65, deadline); !sent) return std::unexpected(gone(sent.error()));
  SecretBytes answer(kAnswerSize);
  if (const Status got = process::receive_exactly(pair, answer.mutable_view(), deadline); !got) {
    return std::unexpected(gone(got.error()));
  }
  switch (answer.view()[0]) {
    case static_cast<uint8_t>(Answer::kShared):
      return SecretBytes::copy_of(answer.view().subspan(1));
    case static_cast<uint8_t>(Answer::kRefusedPoint):
      return fail(kBadPoint, "the encapsulated point is not on the curve");
    case static_cast<uint8_t>(Answer::kFailed):
      return fail(kTpmFailed, "the TPM did not do the ECDH");
    default:
      return fail(kBadAnswer, "the TPM broker answered with an unknown status");
  }
}

}  // namespace openpcc::broker
