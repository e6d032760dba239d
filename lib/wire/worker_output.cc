#include "wire/worker_output.h"

#include "base/varint.h"
#include "wire/internal.h"
#include "wire/proto/computeworker.pb.h"
#include "wire/utf8.h"

namespace openpcc::wire {

using namespace internal;

Result<Bytes> encode_output_header(const OutputHeader& header) {
  if (header.media_type.empty() || !is_utf8(header.media_type) || header.max_chunk_len < 0) {
    return fail(kUnencodable, "worker output: a header without media type or with a negative chunk length");
  }
  csprotos::OutputHeader message;
  message.set_media_type(header.media_type);
  message.set_max_chunk_len(header.max_chunk_len);
  const Bytes encoded = serialize(message);
  if (encoded.size() > limits::kWorkerFrame) return fail(kUnencodable, "worker output: the header is too long");
  Bytes out;
  append_varint(out, encoded.size());
  append(out, encoded);
  return out;
}

void append_output_data(Bytes& out, ByteView data) {
  while (!data.empty()) {
    const ByteView frame = data.first(std::min(data.size(), limits::kWorkerFrame));
    append_varint(out, frame.size());
    append(out, frame);
    data = data.subspan(frame.size());
  }
}

Bytes encode_output_footer(const std::optional<Currency>& refund) {
  csprotos::OutputFooter message;
  if (refund) {
    const auto bytes = refund->bytes();
    message.mutable_refund()->set_currency(bytes.data(), bytes.size());
  }
  const Bytes encoded = serialize(message);
  Bytes out{0};
  append_varint(out, encoded.size());
  append(out, encoded);
  return out;
}

Status WorkerOutputReader::feed(ByteView bytes) {
  if (error_) return std::unexpected(*error_);
  while (!bytes.empty()) {
    if (Status status = step(bytes); !status) {
      error_ = status.error();
      return status;
    }
  }
  return {};
}

Status WorkerOutputReader::finish() {
  if (error_) return std::unexpected(*error_);
  if (state_ == State::kEnd) return {};
  return fail(kTruncated, "worker output: it ends before its footer");
}

// Takes at least one byte.
Status WorkerOutputReader::step(ByteView& bytes) {
  if (state_ == State::kEnd) return fail(kMalformed, "worker output: bytes after the footer");
  if (state_ == State::kHeaderLength || state_ == State::kDataLength || state_ == State::kFooterLength) {
    pending_.push_back(bytes[0]);
    bytes = bytes.subspan(1);
    const auto length = parse_varint(pending_);
    if (!length) return {};
    pending_.clear();
    return on_length(length->value);
  }
  const ByteView taken = bytes.first(std::min(left_, bytes.size()));
  bytes = bytes.subspan(taken.size());
  left_ -= taken.size();
  if (state_ == State::kData) {
    OPENPCC_TRY_STATUS(handler_.on_data(taken));
    if (left_ == 0) state_ = State::kDataLength;
    return {};
  }
  append(pending_, taken);
  return left_ == 0 ? on_frame() : Status{};
}

Status WorkerOutputReader::on_length(uint64_t length) {
  if (length > limits::kWorkerFrame) return fail(kTooLarge, "worker output: a frame of more than 32768 bytes");
  left_ = static_cast<size_t>(length);
  switch (state_) {
    case State::kHeaderLength:
      state_ = State::kHeader;
      return length == 0 ? on_frame() : Status{};
    case State::kDataLength:
      state_ = length == 0 ? State::kFooterLength : State::kData;
      return {};
    default:
      state_ = State::kFooter;
      return length == 0 ? on_frame() : Status{};
  }
}

// A header or footer is complete.
Status WorkerOutputReader::on_frame() {
  const Bytes frame = std::exchange(pending_, {});
  if (state_ == State::kHeader) {
    OPENPCC_TRY(const auto message, parse<csprotos::OutputHeader>(frame, limits::kWorkerFrame, "worker output header"));
    if (message.media_type().empty()) return invalid("worker output header", "no media type");
    if (!is_utf8(message.media_type())) return fail(kMalformed, "worker output header: the media type is not UTF-8");
    if (message.max_chunk_len() < 0) return invalid("worker output header", "the chunk length is negative");
    state_ = State::kDataLength;
    return handler_.on_header({message.media_type(), message.max_chunk_len()});
  }
  OPENPCC_TRY(const auto message, parse<csprotos::OutputFooter>(frame, limits::kWorkerFrame, "worker output footer"));
  std::optional<Currency> refund;
  if (message.has_refund()) {
    OPENPCC_TRY(refund, Currency::from_bytes(as_bytes(message.refund().currency())));
  }
  state_ = State::kEnd;
  return handler_.on_footer(refund);
}

}  // namespace openpcc::wire
