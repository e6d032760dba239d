#include "bhttp/encoder.h"

#include <array>
#include <bit>
#include <map>
#include <utility>

#include "base/varint.h"
#include "bhttp/internal.h"

namespace openpcc::bhttp {

using namespace internal;

namespace {

void put_varint(WipedBytes& out, uint64_t value) {
  std::array<uint8_t, 8> encoded;  // RFC 9000 §16; the caller's lengths are all below kVarintMax
  const size_t size = varint_size(value);
  for (size_t i = 0; i < size; ++i) encoded[i] = static_cast<uint8_t>((value >> (8 * (size - 1 - i))) & 0xff);
  encoded[0] = static_cast<uint8_t>(encoded[0] | (std::countr_zero(size) << 6));
  append(out, ByteView(encoded).first(size));
}

void put_text(WipedBytes& out, std::string_view text) {
  put_varint(out, text.size());
  append(out, as_bytes(text));
}

std::unexpected<Error> unencodable(std::string rule) {
  return fail(kUnencodable, std::move(rule));
}

void pad(WipedBytes& out, uint64_t written, size_t multiple) {
  if (multiple > 1) out.resize(out.size() + static_cast<size_t>((multiple - written % multiple) % multiple));
}

// "x-refund" -> "X-Refund", as Go spells the names it announces.
std::string canonical(std::string_view name) {
  std::string out = to_lower(name);
  bool upper = true;
  for (char& c : out) {
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
    upper = c == '-';
  }
  return out;
}

// Names in lower case, in their order; equal names in the order they came. Values are views, so that no second copy of
// a user's value is made outside wiped memory.
using Lines = std::multimap<std::string, std::string_view>;

Result<WipedBytes> encode_lines(const Lines& sorted) {
  if (sorted.size() > kMaxFieldLines) return unencodable("more than 1024 field lines");
  WipedBytes lines;
  for (const auto& [name, value] : sorted) {
    if (!is_token(name)) return unencodable("a field name is not a token");
    if (!is_field_value(value)) return unencodable("a field value holds control characters");
    const size_t before = lines.size();
    put_text(lines, name);
    put_text(lines, value);
    if (lines.size() - before > kMaxFieldLine) return unencodable("a field line is longer than 16384 bytes");
  }
  if (lines.size() > kMaxSections) return unencodable("the field section is longer than 65536 bytes");
  return lines;
}

// The header section's lines: the given fields, less those the encoder writes itself, with these.
Result<WipedBytes> header_lines(const Fields& given, const std::vector<std::string>& trailer_names,
                                std::optional<uint64_t> content_length) {
  Lines lines;
  for (const Field& field : given) {
    std::string name = to_lower(field.name);
    if (name == "host" || name == "content-length" || name == "transfer-encoding" || name == "trailer") continue;
    lines.emplace(std::move(name), field.value);
  }
  std::string length;
  if (content_length) {
    length = std::to_string(*content_length);
    lines.emplace("content-length", length);
  }
  std::vector<std::string> names;
  for (const std::string& name : trailer_names) {
    if (!is_trailer_name(to_lower(name))) return unencodable("an announced trailer's name is not allowed in trailers");
    names.push_back(canonical(name));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.size() > kMaxTrailerNames) return unencodable("more than 256 trailers are announced");
  std::string announced;
  for (const std::string& name : names) announced += (announced.empty() ? "" : ",") + name;
  if (!names.empty()) lines.emplace("trailer", announced);
  return encode_lines(lines);
}

Status put_control(const RequestHead& head, bool indeterminate, WipedBytes& out) {
  const std::string_view method = head.method.empty() ? std::string_view("GET") : head.method;
  const bool connect = method == "CONNECT";
  const std::string_view path = head.path.empty() && !connect ? std::string_view("/") : head.path;
  if (!is_token(method) || method.size() > kMaxMethod)
    return unencodable("the method is not a token of 64 bytes at most");
  if (!is_scheme(head.scheme) || head.scheme.size() > kMaxScheme) return unencodable("the scheme is not a URI scheme");
  if ((!head.authority.empty() && !is_authority(head.authority)) || head.authority.size() > kMaxAuthority) {
    return unencodable("the authority is not a host");
  }
  if (connect) {
    if (!path.empty() || !head.scheme.empty() || head.authority.empty()) {
      return unencodable("CONNECT takes an authority, and neither scheme nor path");
    }
  } else if (!is_request_target(path) || path.size() > kMaxPath) {
    return unencodable("the path is not a request target of 4096 bytes at most");
  }
  put_varint(out, indeterminate ? kIndeterminateRequest : kKnownRequest);
  put_text(out, method);
  put_text(out, head.scheme);
  put_text(out, head.authority);
  put_text(out, path);
  return {};
}

Status put_control(const ResponseHead& head, bool indeterminate, WipedBytes& out) {
  if (head.status < kFirstFinalStatus || head.status > kMaxStatus) return unencodable("the status is not 200 to 599");
  put_varint(out, indeterminate ? kIndeterminateResponse : kKnownResponse);
  put_varint(out, static_cast<uint64_t>(head.status));
  return {};
}

template <typename Head>
Result<WipedBytes> encode_known(const Head& head, ByteView content, std::optional<uint64_t> content_length,
                                size_t pad_multiple) {
  if (!head.trailer_names.empty()) return unencodable("a known-length message carries no trailers");
  OPENPCC_TRY(const WipedBytes lines, header_lines(head.fields, {}, content_length));
  WipedBytes out;
  const size_t most = 5000 + lines.size() + content.size() + pad_multiple;  // control data and lengths take under 5000
  out.reserve(most);
  OPENPCC_TRY_STATUS(put_control(head, false, out));
  put_varint(out, lines.size());
  append(out, lines);
  put_varint(out, content.size());
  append(out, content);
  put_varint(out, 0);
  pad(out, out.size(), pad_multiple);
  return out;
}

}  // namespace

Result<WipedBytes> encode_request(const RequestHead& head, ByteView content, size_t pad_multiple) {
  const bool named = !content.empty() || head.method == "POST" || head.method == "PUT" || head.method == "PATCH";
  return encode_known(head, content, named ? std::optional<uint64_t>(content.size()) : std::nullopt, pad_multiple);
}

Result<WipedBytes> encode_response(const ResponseHead& head, ByteView content, size_t pad_multiple) {
  return encode_known(head, content, content.size(), pad_multiple);
}

size_t max_chunk_data(size_t chunk_limit) {
  for (const size_t prefix : {size_t{1}, size_t{2}, size_t{4}, size_t{8}}) {
    if (chunk_limit <= prefix) break;
    const uint64_t widest = prefix == 8 ? kVarintMax : (uint64_t{1} << (prefix * 8 - 2)) - 1;
    const uint64_t room = chunk_limit - prefix;
    if (room <= widest) return static_cast<size_t>(room);
    // Too much for this prefix, too little for the next: 65 bytes hold 63 of data (1 + 63), not 64 (2 + 64).
    if (chunk_limit < widest + 1 + prefix * 2) return static_cast<size_t>(widest);
  }
  return 1;
}

template <typename Head>
Status MessageWriter::head(const Head& head, WipedBytes& out) {
  const State before = std::exchange(state_, State::kEnd);  // left there by every failure
  if (before != State::kHead) return fail(kMisuse, "the head has been written already");
  OPENPCC_TRY(const WipedBytes lines, header_lines(head.fields, head.trailer_names, std::nullopt));
  const size_t start = out.size();
  OPENPCC_TRY_STATUS(put_control(head, true, out));
  append(out, lines);
  put_varint(out, 0);
  written_ += out.size() - start;
  for (const std::string& given : head.trailer_names) {
    std::string name = to_lower(given);
    if (std::find(trailer_names_.begin(), trailer_names_.end(), name) == trailer_names_.end()) {
      trailer_names_.push_back(std::move(name));
    }
  }
  state_ = State::kContent;
  return {};
}

Status MessageWriter::request(const RequestHead& request_head, WipedBytes& out) {
  return head(request_head, out);
}
Status MessageWriter::response(const ResponseHead& response_head, WipedBytes& out) {
  return head(response_head, out);
}

Status MessageWriter::content(ByteView data, WipedBytes& out) {
  if (state_ != State::kContent) return fail(kMisuse, "content goes between head and finish");
  const size_t most = max_chunk_data(options_.chunk_limit);
  const size_t start = out.size();
  const size_t needed = start + data.size() + (data.size() / most + 1) * sizeof(uint64_t);
  if (out.capacity() < needed) out.reserve(std::max(needed, 2 * out.capacity()));
  while (!data.empty()) {
    const ByteView chunk = data.first(std::min(most, data.size()));
    put_varint(out, chunk.size());
    append(out, chunk);
    data = data.subspan(chunk.size());
  }
  written_ += out.size() - start;
  return {};
}

Status MessageWriter::finish(const Fields& trailers, WipedBytes& out) {
  const State before = std::exchange(state_, State::kEnd);
  if (before != State::kContent) return fail(kMisuse, "finish comes once, after the head");
  Lines all;
  for (const Field& field : trailers) {
    const auto line = all.emplace(to_lower(field.name), field.value);
    if (std::find(trailer_names_.begin(), trailer_names_.end(), line->first) == trailer_names_.end()) {
      return unencodable("a trailer was not announced in the head");
    }
  }
  for (const std::string& name : trailer_names_) {
    if (!find(trailers, name)) all.emplace(name, "");
  }
  OPENPCC_TRY(const WipedBytes lines, encode_lines(all));
  const size_t start = out.size();
  put_varint(out, 0);
  append(out, lines);
  put_varint(out, 0);
  pad(out, written_ + (out.size() - start), options_.pad_multiple);
  written_ += out.size() - start;
  return {};
}

}  // namespace openpcc::bhttp
