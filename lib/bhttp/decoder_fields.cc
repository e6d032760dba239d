// The part of the decoder that reads field sections and makes heads of them.
#include <charconv>
#include <utility>

#include "bhttp/decoder.h"
#include "bhttp/internal.h"

namespace openpcc::bhttp {

using namespace internal;

namespace {

bool is_pseudo_of_control_data(std::string_view name) {
  return name == ":method" || name == ":scheme" || name == ":authority" || name == ":path" || name == ":status";
}

bool is_pseudo_name(std::string_view name) {
  return name.size() > 1 && std::all_of(name.begin() + 1, name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

}  // namespace

void Decoder::begin_section() {
  fields_.clear();
  regular_line_seen_ = false;
  line_size_ = 0;
  state_ = indeterminate_ ? State::kNameLength : State::kSectionLength;
}

Status Decoder::on_section_length(uint64_t length) {
  if (length > kMaxSections - sections_size_)
    return stop(kTooLarge, item_start_, "field sections of more than 65536 bytes");
  if (in_trailer_) OPENPCC_TRY_STATUS(deliver_head(length == 0));
  section_left_ = static_cast<size_t>(length);
  return begin_line();
}

Status Decoder::begin_line() {
  sections_size_ += std::exchange(line_size_, 0);
  state_ = State::kNameLength;
  return !indeterminate_ && section_left_ == 0 ? end_section() : Status{};
}

// A length inside a line: against what is left of the section, the cap of a line and the cap of all sections.
Status Decoder::check_line(uint64_t length) {
  if (!indeterminate_ && length > section_left_) {
    return stop(kMalformed, item_start_, "a field line runs past the end of its section");
  }
  if (length > kMaxFieldLine || line_size_ + length > kMaxFieldLine) {
    return stop(kTooLarge, item_start_, "a field line of more than 16384 bytes");
  }
  if (sections_size_ + line_size_ + length > kMaxSections) {
    return stop(kTooLarge, item_start_, "field sections of more than 65536 bytes");
  }
  return {};
}

Status Decoder::on_name_length(uint64_t length) {
  if (length == 0) {
    if (indeterminate_) return end_section();
    return stop(kMalformed, item_start_, "a field name is empty");
  }
  OPENPCC_TRY_STATUS(check_line(length));
  if (++field_lines_ > kMaxFieldLines) return stop(kTooLarge, item_start_, "more than 1024 field lines");
  return begin_text(length, State::kName);
}

Status Decoder::on_name(std::string_view text) {
  const bool pseudo = text[0] == ':';
  if (pseudo) {
    if (!is_pseudo_name(text)) return stop(kMalformed, text_start_, "a field name begins with a colon");
    if (in_trailer_) return stop(kMalformed, text_start_, "a pseudo-field in the trailer section");
    if (is_pseudo_of_control_data(text)) return stop(kMalformed, text_start_, "control data among the fields");
    if (regular_line_seen_) return stop(kMalformed, text_start_, "a pseudo-field after a regular field");
  } else {
    for (size_t i = 0; i < text.size(); ++i) {
      if (!is_token(text.substr(i, 1))) return stop(kMalformed, text_start_ + i, "a byte that no field name may have");
    }
    regular_line_seen_ = true;
  }
  name_ = to_lower(text);
  name_start_ = text_start_;
  if (in_trailer_ && !is_trailer_name(name_)) {
    return stop(kMalformed, text_start_, "a field that is not allowed in the trailer section");
  }
  if (!indeterminate_ && section_left_ == 0) {
    return stop(kMalformed, position_, "a field line runs past the end of its section");
  }
  state_ = State::kValueLength;
  return {};
}

Status Decoder::on_value_length(uint64_t length) {
  OPENPCC_TRY_STATUS(check_line(length));
  return begin_text(length, State::kValue);
}

Status Decoder::on_value(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (!is_field_value(text.substr(i, 1)))
      return stop(kMalformed, text_start_ + i, "a byte that no field value may have");
  }
  if (name_[0] != ':') {
    const std::string_view value = trim(text);
    const bool final_head = !in_trailer_ && (!response_ || response_head_.status >= kFirstFinalStatus);
    bool keep = true;
    if (final_head) {
      if (name_ == "trailer") {
        keep = false;
        OPENPCC_TRY_STATUS(on_trailer_field(value));
      } else if (name_ == "host" && !response_) {
        keep = false;
        OPENPCC_TRY_STATUS(on_host_field(value));
      } else if (name_ == "content-length") {
        ++content_length_fields_;
        content_length_at_ = text_start_;
      }
    }
    if (keep) fields_.push_back({std::move(name_), std::string(value)});
  }
  return begin_line();
}

// Only the first field counts (B:net_http_mapping_*.go); its names must all be ones a trailer may have.
Status Decoder::on_trailer_field(std::string_view value) {
  if (trailer_field_seen_) return {};
  trailer_field_seen_ = true;
  while (true) {
    const size_t comma = value.find(',');
    std::string name = to_lower(trim(value.substr(0, comma)));
    if (!is_trailer_name(name)) return stop(kMalformed, text_start_, "the trailer field names what no trailer may be");
    auto& names = trailer_names_;
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      if (names.size() == kMaxTrailerNames) return stop(kTooLarge, text_start_, "more than 256 trailers are announced");
      names.push_back(std::move(name));
    }
    if (comma == std::string_view::npos) return {};
    value.remove_prefix(comma + 1);
  }
}

Status Decoder::on_host_field(std::string_view value) {
  if (host_field_seen_) return stop(kMalformed, name_start_, "more than one host field");
  host_field_seen_ = true;
  if (!value.empty() && !is_authority(value)) return stop(kMalformed, text_start_, "the host field is not a host");
  if (request_.authority.empty()) {
    if (value.size() > kMaxAuthority) return stop(kTooLarge, text_start_, "a host field of more than 256 bytes");
    request_.authority = value;
  } else if (value != request_.authority) {
    return stop(kMalformed, text_start_, "host field and authority differ");
  }
  return {};
}

Status Decoder::end_section() {
  sections_size_ += std::exchange(line_size_, 0);
  if (in_trailer_) {
    state_ = State::kPadding;
    return trailer_names_.empty() || fields_.empty() ? Status{} : handler_.on_trailers(std::exchange(fields_, {}));
  }
  if (response_ && response_head_.status < kFirstFinalStatus) {
    informational_.push_back({response_head_.status, std::exchange(fields_, {})});
    state_ = State::kStatus;
    return {};
  }
  if (!response_ && request_.method == "CONNECT" && request_.authority.empty()) {
    return stop(kMalformed, position_, "CONNECT without a host");
  }
  if (content_length_fields_ == 1) {
    const std::string_view text = *find(fields_, "content-length");
    int64_t value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.starts_with('-') || error != std::errc() || end != text.data() + text.size()) {
      return stop(kMalformed, content_length_at_, "content-length is not a length");
    }
    content_length_ = static_cast<uint64_t>(value);
  }
  state_ = State::kContentLength;
  return indeterminate_ ? deliver_head(false) : Status{};
}

Status Decoder::on_content_length(uint64_t length) {
  if (length == 0) return end_content();
  content_seen_ = true;
  if (!indeterminate_) OPENPCC_TRY_STATUS(deliver_head(false));
  left_ = length;
  state_ = State::kContent;
  return {};
}

// Content over: the trailer section has caps of its own. A known-length head without content is delivered only once the
// trailer section's length is known, since what it says of the content length depends on that.
Status Decoder::end_content() {
  if (!head_delivered_) pending_fields_ = std::exchange(fields_, {});
  in_trailer_ = true;
  sections_size_ = 0;
  field_lines_ = 0;
  begin_section();
  return {};
}

// `nothing_follows`: neither content nor trailers.
Status Decoder::deliver_head(bool nothing_follows) {
  if (head_delivered_) return {};
  head_delivered_ = true;
  if (!content_length_ && !indeterminate_ && nothing_follows) content_length_ = 0;
  Fields fields = in_trailer_ ? std::exchange(pending_fields_, {}) : std::exchange(fields_, {});
  if (response_) {
    response_head_.fields = std::move(fields);
    response_head_.trailer_names = trailer_names_;
    response_head_.content_length = content_length_;
    return handler_.on_response(std::move(response_head_));
  }
  request_.fields = std::move(fields);
  request_.trailer_names = trailer_names_;
  request_.content_length = content_length_;
  return handler_.on_request(std::move(request_));
}

}  // namespace openpcc::bhttp
