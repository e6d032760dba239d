#include "worker/sealed_answer.h"

#include <new>

#include "process/message.h"
#include "wire/worker_output.h"

namespace openpcc::worker {

Status SealedAnswer::head(int status, const std::vector<bhttp::Field>& fields, std::optional<uint64_t> length) {
  if (head_.status != 0) return fail(kBadAnswer, "an answer with two heads");
  head_.status = status;
  head_.fields = fields;
  if (length && *length <= kMaxWholeAnswer) {
    length_ = length;
    whole_.reserve(static_cast<size_t>(*length));
    return {};
  }
  OPENPCC_TRY(auto writer, sealed::ResponseWriter::create(request_));
  writer_.emplace(std::move(writer));
  OPENPCC_TRY(Bytes framed, wire::encode_output_header({.media_type = std::string(writer_->media_type()),
                                                        .max_chunk_len = static_cast<int32_t>(limits::kChunkOnWire)}));
  pending_ = std::move(framed);
  Bytes sealed;
  OPENPCC_TRY_STATUS(writer_->head(head_, sealed));
  return send_sealed(sealed);
}

Status SealedAnswer::content(ByteView bytes) {
  if (head_.status == 0) return fail(kBadAnswer, "content before the head of an answer");
  if (bytes.empty()) return {};
  if (!first_content_) first_content_ = process::Clock::now();
  if (length_) {
    if (bytes.size() > *length_ - whole_.size()) return fail(kBadAnswer, "an answer longer than announced");
    append(whole_, bytes);
    return {};
  }
  return interval_ > process::Clock::duration::zero() ? group(bytes) : seal_and_send(bytes);
}

Status SealedAnswer::seal_and_send(ByteView content) {
  Bytes sealed;
  OPENPCC_TRY_STATUS(writer_->content(content, sealed));
  return send_sealed(sealed);
}

SealedAnswer::~SealedAnswer() {
  end_flusher(true);
}

Status SealedAnswer::group(ByteView content) {
  {
    const std::lock_guard lock(mutex_);
    OPENPCC_TRY_STATUS(flushed_);
    append(grouped_, content);
  }
  if (!flusher_.joinable()) flusher_ = std::thread([this] { flush_at_intervals(); });
  return {};
}

// Until all has gone out after the last content; that, too, at a multiple of the interval.
void SealedAnswer::flush_at_intervals() {
  auto next = *first_content_;
  std::unique_lock lock(mutex_);
  while (true) {
    next += interval_;
    if (abandoned_changed_.wait_until(lock, next, [this] { return abandoned_; })) return;
    const WipedBytes content = std::exchange(grouped_, {});
    const bool last = complete_;
    lock.unlock();
    Status sent;
    try {
      if (!content.empty()) sent = seal_and_send(content);
    } catch (const std::bad_alloc&) {  // on this thread nobody else would catch it
      sent = fail(kBadAnswer, "no memory is left for the answer");
    }
    lock.lock();
    if (!sent) flushed_ = sent;
    if (!sent || last) return;
  }
}

void SealedAnswer::end_flusher(bool at_once) {
  if (!flusher_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    complete_ = true;
    abandoned_ = at_once;
  }
  abandoned_changed_.notify_all();
  flusher_.join();
}

Status SealedAnswer::finish() {
  if (head_.status == 0) return fail(kBadAnswer, "an answer without a head");
  if (!length_) {
    end_flusher(false);
    OPENPCC_TRY_STATUS(flushed_);
    Bytes sealed;
    OPENPCC_TRY_STATUS(writer_->finish({}, sealed));
    wire::append_output_data(pending_, sealed);  // goes out with the footer
    return {};
  }
  if (whole_.size() != *length_) return fail(kBadAnswer, "an answer shorter than announced");
  OPENPCC_TRY(const sealed::SealedResponse response, sealed::seal_response(request_, head_, whole_));
  OPENPCC_TRY(pending_, wire::encode_output_header({.media_type = std::string(response.media_type)}));
  wire::append_output_data(pending_, response.body);
  return {};
}

Status SealedAnswer::footer(const std::optional<wire::Currency>& refund) {
  append(pending_, wire::encode_output_footer(refund));
  return send({});
}

Status SealedAnswer::send_sealed(ByteView sealed) {
  Bytes framed;
  wire::append_output_data(framed, sealed);
  return send(std::move(framed));
}

// Without a limit of its own: the parent ends a child that takes too long, and a reader that is gone is an error.
Status SealedAnswer::send(Bytes framed) {
  append(pending_, framed);
  const Bytes out = std::exchange(pending_, {});
  return process::send_all(router_, out, process::kForever);
}

}  // namespace openpcc::worker
