// sealed_answer.h - takes an engine's answer, seals it and writes it to router_com in the official worker framing.
//
// Answers of known, modest length are sealed whole and go out at the end; all others are sealed and sent piece by
// piece, each before content() returns. An answer that is not finished is never sealed to its end: its reader sees it
// cut.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/engine.h"
#include "process/fd.h"
#include "sealed/response_message.h"
#include "wire/currency.h"

namespace openpcc::worker {

inline constexpr ErrorCode kBadAnswer{"worker.bad_answer"};  // the engine called out of order or gave another length

inline constexpr uint64_t kMaxWholeAnswer = 1 << 20;

class SealedAnswer : public engine::ResponseSink {
 public:
  // Both must outlive it. With an interval, what is streamed goes out at its multiples only, all that has come until
  // then together, so that the times of chunks do not tell the times of tokens; a thread does that.
  SealedAnswer(const sealed::RequestOpener& request, int router, process::Clock::duration min_flush_interval = {})
      : request_(request), router_(router), interval_(min_flush_interval) {}
  ~SealedAnswer() override;
  SealedAnswer(const SealedAnswer&) = delete;
  SealedAnswer& operator=(const SealedAnswer&) = delete;

  [[nodiscard]] Status head(int status, const std::vector<bhttp::Field>& fields,
                            std::optional<uint64_t> length) override;
  [[nodiscard]] Status content(ByteView bytes) override;
  // The sealed message's end.
  [[nodiscard]] Status finish();
  // The worker framing's end, after finish().
  [[nodiscard]] Status footer(const std::optional<wire::Currency>& refund);
  [[nodiscard]] int status() const { return head_.status; }  // 0 before head()
  // When the first content came.
  [[nodiscard]] std::optional<process::Clock::time_point> first_content() const { return first_content_; }

 private:
  Status send(Bytes framed);
  Status send_sealed(ByteView sealed);
  Status seal_and_send(ByteView content);
  Status group(ByteView content);
  void flush_at_intervals();
  void end_flusher(bool at_once);

  const sealed::RequestOpener& request_;
  int router_;
  bhttp::ResponseHead head_;
  std::optional<sealed::ResponseWriter> writer_;  // of an answer that is sent piece by piece
  std::optional<uint64_t> length_;                // of one that is sent whole
  WipedBytes whole_;
  Bytes pending_;  // framed, goes out with what comes next
  std::optional<process::Clock::time_point> first_content_;

  // With an interval, once content has come, the thread alone uses writer_ and pending_, until it has ended.
  process::Clock::duration interval_;
  std::thread flusher_;
  std::mutex mutex_;  // guards the rest
  std::condition_variable abandoned_changed_;
  WipedBytes grouped_;
  Status flushed_;  // an error of the thread's
  bool complete_ = false;
  bool abandoned_ = false;
};

}  // namespace openpcc::worker
