// Binary HTTP (RFC 9292): lib/bhttp decides, and says at which byte it stopped; here the bytes up to there get names.
#include "base/varint.h"
#include "bhttp/decoder.h"
#include "bhttp/internal.h"
#include "inspect/internal.h"
#include "wire/utf8.h"

namespace openpcc::inspect::internal {

namespace {

using namespace openpcc::bhttp::internal;

constexpr size_t kMaxChunksShown = 100'000;          // each costs memory beyond its bytes
constexpr size_t kMaxContentText = size_t{1} << 20;  // shown as text as well

class TakesAll : public bhttp::Handler {
 public:
  Status on_request(bhttp::RequestHead) override { return {}; }
  Status on_response(bhttp::ResponseHead) override { return {}; }
  Status on_content(ByteView) override { return {}; }
};

// Names what is there, asks nothing, and ends where the bytes, or those that were decoded, do.
class Names {
 public:
  // `cut`: more bytes are missing; else those up to `end` hold what is refused.
  Names(ByteView object, size_t end, bool cut) : object_(object), end_(end), cut_(cut) {}

  void message(Part& root) {
    const auto framing = number("framing", root);
    if (!framing || *framing > kIndeterminateResponse) return;
    const bool response = *framing == kKnownResponse || *framing == kIndeterminateResponse;
    indeterminate_ = *framing >= kIndeterminateRequest;
    root.set(value_part("message", 0, 1, std::string(response ? "response" : "request")));
    root.set(value_part("indeterminate_length", 0, 1, indeterminate_));
    if (!(response ? response_head(root) : request_head(root))) return;
    if (!(indeterminate_ ? chunks(root) : content(root))) return;
    if (!section("trailers", root)) return;
    last_ = {};
    if (at_ < end_) root.set(value_part("padding", at_, end_ - at_, uint64_t{end_ - at_}));
  }

  // The part that is refused or cut.
  [[nodiscard]] const std::string& last() const { return last_; }

 private:
  bool request_head(Part& root) {
    for (const char* const name : {"method", "scheme", "authority", "path"}) {
      if (!text(name, root)) return false;
    }
    return section("fields", root);
  }

  bool response_head(Part& root) {
    while (true) {
      const size_t start = at_;
      const auto status = number("status", root);
      if (!status) return false;
      if (*status >= kFirstFinalStatus) return section("fields", root);
      Part head = object_part("", start, 0);
      head.set(*root.find("status"));
      const bool whole = section("fields", head);
      head.size = at_ - start;
      Part* list = root.find("informational");
      if (list == nullptr) list = &root.set(list_part("informational", start, 0));
      list->parts.push_back(std::move(head));
      list->size = at_ - list->at;
      if (!whole) return false;
    }
  }

  bool section(std::string_view name, Part& parent) {
    begin(name);
    Part& list = parent.set(list_part(name, at_, 0));
    size_t section_end = end_;
    bool all_here = true;
    if (!indeterminate_) {
      const auto size = varint();
      if (!size) return false;
      list.at = at_;
      all_here = *size <= end_ - at_;
      if (all_here) section_end = at_ + static_cast<size_t>(*size);
    }
    bool whole = true;
    while (whole && (indeterminate_ || at_ < section_end)) {
      const std::string path = element_name(name, list.parts.size()) + ".";
      Part line = object_part("", at_, 0);
      if (indeterminate_ && at_ < end_ && object_[at_] == 0) {
        ++at_;
        break;
      }
      whole = text("name", line, path) && text("value", line, path);
      line.size = at_ - line.at;
      if (!line.parts.empty()) list.parts.push_back(std::move(line));
    }
    list.size = at_ - list.at;
    return whole && all_here;
  }

  bool content(Part& root) {
    begin("content");
    const auto size = varint();
    if (!size) return false;
    const size_t left = end_ - at_;
    Bytes all;
    const size_t start = at_;
    take(static_cast<size_t>(std::min<uint64_t>(*size, left)), all);
    set_content(root, start, std::move(all));
    return *size <= left;
  }

  bool chunks(Part& root) {
    Part list = list_part("content_chunks", at_, 0);
    const size_t start = at_;
    Bytes all;
    bool whole = false;
    for (size_t count = 0; !whole; ++count) {
      const size_t chunk_start = at_;
      const auto size = varint();
      const size_t there = size ? static_cast<size_t>(std::min<uint64_t>(*size, end_ - at_)) : 0;
      whole = size == 0U;
      if (size && !whole && count < kMaxChunksShown) list.parts.push_back(value_part("", at_, there, *size));
      take(there, all);
      if (!size || *size > there) {
        if (chunk_start < end_ || cut_) last_ = element_name("content_chunks", count);
        break;
      }
    }
    list.size = at_ - start;
    root.set(std::move(list));
    set_content(root, start, std::move(all));
    return whole;
  }

  void set_content(Part& root, size_t start, Bytes all) {
    const size_t size = at_ - start;
    const std::string_view text = as_text(all);
    const bool readable = !all.empty() && all.size() <= kMaxContentText && wire::is_utf8(text);
    if (readable) root.set(value_part("content_text", start, size, std::string(text)));
    root.set(value_part("content", start, size, std::move(all)));
  }

  // What begins where the bytes end is not what is refused, but it is what is missing.
  void begin(std::string_view name) {
    if (at_ < end_ || cut_) last_ = name;
  }

  void take(size_t size, Bytes& out) {
    append(out, object_.subspan(at_, size));
    at_ += size;
  }

  std::optional<uint64_t> varint() {
    const auto value = parse_varint(object_.subspan(at_, end_ - at_));
    if (!value) return std::nullopt;
    at_ += value->size;
    return value->value;
  }

  std::optional<uint64_t> number(std::string_view name, Part& parent) {
    begin(name);
    const size_t start = at_;
    const auto value = varint();
    if (value) parent.set(value_part(name, start, at_ - start, *value));
    return value;
  }

  // `path`: what the part lies in, for last().
  bool text(std::string_view name, Part& parent, std::string_view path = {}) {
    begin(std::string(path) + std::string(name));
    const auto size = varint();
    if (!size || *size > end_ - at_) return false;
    const auto bytes = object_.subspan(at_, static_cast<size_t>(*size));
    parent.set(value_part(name, at_, bytes.size(), std::string(as_text(bytes))));
    at_ += bytes.size();
    return true;
  }

  ByteView object_;
  size_t end_;
  bool cut_;
  size_t at_ = 0;
  bool indeterminate_ = false;
  std::string last_;
};

}  // namespace

std::optional<Problem> read_bhttp(Inspection& in) {
  TakesAll handler;
  bhttp::Decoder decoder(bhttp::Kind::kAny, handler);
  Status status = decoder.feed(in.object);
  if (status) status = decoder.finish();
  if (status) {
    Names(in.object, in.object.size(), false).message(in.root);
    return std::nullopt;
  }
  // The decoder takes a text whole before it refuses a byte of it: the names end behind it.
  const auto at = static_cast<size_t>(decoder.failed_at().value_or(0));
  const bool cut = status.error().code == bhttp::kTruncated;
  Names names(in.object, static_cast<size_t>(decoder.position()), cut);
  names.message(in.root);
  std::string rule = status.error().message;
  const std::string place = "at byte " + std::to_string(at) + ": ";
  if (rule.starts_with(place)) rule.erase(0, place.size());
  return Problem{at, names.last(), rule + " (Binary HTTP, RFC 9292)"};
}

}  // namespace openpcc::inspect::internal
