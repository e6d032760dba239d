#include "net/message_io.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace openpcc::net {

Status append_head(std::string& out, std::string_view start_line, const Fields& fields) {
  out += start_line;
  out += "\r\n";
  for (const Field& field : fields) {
    if (same_name(field.name, "Content-Length") || same_name(field.name, "Transfer-Encoding")) continue;
    if (!is_valid(field)) return fail(kBadField, "the field '" + field.name + "' cannot be sent");
    out += field.name;
    out += ": ";
    out += field.value;
    out += "\r\n";
  }
  out += "\r\n";
  return {};
}

void append_chunk_size(std::string& out, size_t size) {
  char digits[2 * sizeof(size)];
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), size, 16);
  out.append(digits, end);
  out += "\r\n";
}

Status append_last_chunk(std::string& out, const Fields& trailers) {
  return append_head(out, "0", trailers);
}

void MessageReader::grow(size_t size) {
  auto larger = std::make_unique_for_overwrite<uint8_t[]>(size);
  if (end_ > begin_) std::memcpy(larger.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  buffer_ = std::move(larger);
  size_ = size;
}

Status MessageReader::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (size_ == 0) grow(kReserved);
  if (end_ < size_) return {};
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return {};
  }
  if (size_ >= max_size_) return fail(kTooLarge, "the fields are larger than the limit");
  grow(std::min(size_ * 2, max_size_));
  return {};
}

Task<Result<size_t>> MessageReader::fill() {
  OPENPCC_CO_TRY_STATUS(make_room());
  const MutableByteView space(buffer_.get() + end_, size_ - end_);
  OPENPCC_CO_TRY(const size_t count, co_await stream_.read_some(space));
  end_ += count;
  co_return count;
}

Task<Result<bool>> MessageReader::wait_for_bytes() {
  if (has_buffered()) co_return true;
  OPENPCC_CO_TRY(const size_t count, co_await fill());
  co_return count > 0;
}

Task<Result<bool>> MessageReader::read_head(MessageParser& parser) {
  while (true) {
    if (has_buffered()) {
      OPENPCC_CO_TRY(const auto progress, parser.feed(buffered()));
      begin_ += progress.consumed;
      if (parser.head_done()) co_return true;
    }
    OPENPCC_CO_TRY(const size_t count, co_await fill());
    if (count == 0) {
      if (!parser.started() && !has_buffered()) co_return false;
      co_return fail(kCutOff, "the connection ended before the message did");
    }
  }
}

std::optional<Result<ByteView>> MessageReader::buffered_piece(MessageParser& parser) {
  while (!parser.done() && has_buffered()) {
    auto progress = parser.feed(buffered());
    if (!progress) return std::unexpected(std::move(progress).error());
    begin_ += progress->consumed;
    if (!progress->body.empty()) return progress->body;
    if (progress->consumed == 0) break;
  }
  if (parser.done()) return ByteView();
  return std::nullopt;
}

Task<Result<ByteView>> MessageReader::read_piece(MessageParser& parser) {
  while (true) {
    if (auto piece = buffered_piece(parser)) co_return std::move(*piece);
    OPENPCC_CO_TRY(const size_t count, co_await fill());
    if (count == 0) {
      OPENPCC_CO_TRY_STATUS(parser.end_of_input());
      co_return ByteView();
    }
  }
}

void MessageReader::release_memory() {
  if (has_buffered()) return;
  begin_ = end_ = size_ = 0;
  buffer_.reset();
}

}  // namespace openpcc::net
