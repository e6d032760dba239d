// sealed_answer.h - takes an engine's answer, seals it and writes it to router_com in the official worker framing.
//
// Answers of known, modest length are sealed whole and go out at the end; all others are sealed and sent piece by
// piece, each before content() returns. An answer that is not finished is never sealed to its end: its reader sees it
// cut.
#pragma once

#include "engine/engine.h"
#include "sealed/response_message.h"
#include "wire/currency.h"

namespace openpcc::worker {

inline constexpr ErrorCode kBadAnswer{"worker.bad_answer"};  // the engine called out of order or gave another length

inline constexpr uint64_t kMaxWholeAnswer = 1 << 20;

class SealedAnswer : public engine::ResponseSink {
 public:
  // Both must outlive it.
  SealedAnswer(const sealed::RequestOpener& request, int router) : request_(request), router_(router) {}

  [[nodiscard]] Status head(int status, const std::vector<bhttp::Field>& fields,
                            std::optional<uint64_t> length) override;
  [[nodiscard]] Status content(ByteView bytes) override;
  // The sealed message's end.
  [[nodiscard]] Status finish();
  // The worker framing's end, after finish().
  [[nodiscard]] Status footer(const std::optional<wire::Currency>& refund);
  [[nodiscard]] int status() const { return head_.status; }  // 0 before head()

 private:
  Status send(Bytes framed);
  Status send_sealed(ByteView sealed);

  const sealed::RequestOpener& request_;
  int router_;
  bhttp::ResponseHead head_;
  std::optional<sealed::ResponseWriter> writer_;  // of an answer that is sent piece by piece
  std::optional<uint64_t> length_;                // of one that is sent whole
  WipedBytes whole_;
  Bytes pending_;  // framed, goes out with what comes next
};

}  // namespace openpcc::worker
