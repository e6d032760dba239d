#include "worker/padded_lines.h"

#include "base/limits.h"
#include "base/secret_bytes.h"

namespace openpcc::worker {

Status PaddedLines::head(int status, const std::vector<bhttp::Field>& fields, std::optional<uint64_t> length) {
  streamed_ = !length;
  return sink_.head(status, fields, length);
}

Status PaddedLines::content(ByteView bytes) {
  size_t end = bytes.size();
  while (end > 0 && bytes[end - 1] == '\n') --end;
  const bool ends_json = end > 0 && end < bytes.size() && bytes[end - 1] == '}';
  const size_t over = bytes.size() % limits::kUserChunk;
  if (!streamed_ || !ends_json || over == 0) return sink_.content(bytes);
  WipedBytes padded;
  padded.reserve(bytes.size() + limits::kUserChunk - over);
  append(padded, bytes.first(end));
  padded.insert(padded.end(), limits::kUserChunk - over, ' ');
  append(padded, bytes.subspan(end));
  return sink_.content(padded);
}

}  // namespace openpcc::worker
