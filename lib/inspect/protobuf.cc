#include "inspect/protobuf.h"

#include <algorithm>

namespace openpcc::inspect::protobuf {

namespace {

constexpr unsigned kVarint = 0;
constexpr unsigned kFixed64 = 1;
constexpr unsigned kLength = 2;
constexpr unsigned kStartGroup = 3;
constexpr unsigned kEndGroup = 4;
constexpr unsigned kFixed32 = 5;

constexpr size_t kMaxTag = 5;  // bytes of the encodings that the generated parsers take
constexpr size_t kMaxLength = 5;
constexpr size_t kMaxVarint = 10;
constexpr int kMaxDepth = 100;             // protobuf's default recursion limit
constexpr int32_t kLastEvidenceType = 19;  // of the values that have a name; others read as absent
constexpr size_t kMaxUnknownShown = 1000;  // each costs memory beyond its bytes

unsigned wire_type_of(Type type) {
  return type == Type::kBytes || type == Type::kText || type == Type::kMessage ? kLength : kVarint;
}

std::string of(const Message& message) {
  return " (" + std::string(message.name) + ")";
}

const Field* find(const Message& message, uint32_t number, unsigned wire_type) {
  const auto it = std::ranges::find(message.fields, number, &Field::number);
  return it == message.fields.end() || wire_type_of(it->type) != wire_type ? nullptr : &*it;
}

std::string field_title(const Message& message, uint32_t number) {
  const auto it = std::ranges::find(message.fields, number, &Field::number);
  return "field " + std::to_string(number) + (it == message.fields.end() ? "" : " (" + std::string(it->name) + ")");
}

}  // namespace

std::optional<Problem> Walker::message(const Message& message, Place place, Part& out) {
  return walk(message, place, 0, out);
}

// What is wrong with the varint, as the end of a sentence about it.
std::optional<std::string> Walker::read_varint(const Frame& frame, size_t max_size, uint64_t& value) {
  value = 0;
  for (size_t i = 0; i < max_size; ++i) {
    if (at_ == frame.end) return " ends inside its varint" + of(*frame.message);
    const uint8_t byte = object_[at_++];
    value |= uint64_t{byte & 0x7fU} << (7 * i);
    if (byte < 0x80) return std::nullopt;
  }
  return " is a varint of more than " + std::to_string(max_size) + " bytes" + of(*frame.message);
}

std::optional<Problem> Walker::read_tag(const Frame& frame, size_t max_size, Tag& tag) {
  tag.at = at_;
  uint64_t value = 0;
  if (const auto fault = read_varint(frame, max_size, value)) return Problem{tag.at, {}, "a field's tag" + *fault};
  if (max_size > kMaxTag && value > UINT32_MAX) {
    return Problem{tag.at, {}, "a field number above 2^29-1" + of(*frame.message)};
  }
  const auto bits = static_cast<uint32_t>(value);  // the generated parsers drop what is above
  tag.number = bits >> 3;
  tag.wire_type = bits & 7;
  if (tag.number == 0 && bits != kEndGroup) {
    return Problem{tag.at, {}, "a field with number 0, which no field may have" + of(*frame.message)};
  }
  if (tag.wire_type > kFixed32) {
    return Problem{tag.at,
                   {},
                   field_title(*frame.message, tag.number) + " has wire type " + std::to_string(tag.wire_type) +
                       ", which there is not" + of(*frame.message)};
  }
  return std::nullopt;
}

std::optional<Problem> Walker::read_content(const Frame& frame, const Tag& tag, uint64_t& number, Place& content) {
  const auto fault_of = [&](const std::string& fault) {
    return Problem{tag.at, {}, field_title(*frame.message, tag.number) + fault};
  };
  content.at = at_;
  uint64_t size = 0;
  switch (tag.wire_type) {
    case kVarint:
      if (const auto fault = read_varint(frame, kMaxVarint, number)) return fault_of(*fault);
      content.size = at_ - content.at;
      return std::nullopt;
    case kFixed64:
      size = 8;
      break;
    case kFixed32:
      size = 4;
      break;
    default:
      if (const auto fault = read_varint(frame, frame.max_length, size)) return fault_of("'s length" + *fault);
      content.at = at_;
  }
  const size_t left = frame.end - at_;
  if (size > left) {
    content = {content.at, left, true};
    return fault_of(" ends after " + std::to_string(left) + " of its " + std::to_string(size) + " bytes" +
                    of(*frame.message));
  }
  content.size = static_cast<size_t>(size);
  at_ += content.size;
  return std::nullopt;
}

// Unknown groups are skipped, and nest as deep as messages.
std::optional<Problem> Walker::skip_group(const Frame& frame, const Tag& start) {
  const std::string title = field_title(*frame.message, start.number);
  if (frame.depth > kMaxDepth) return Problem{start.at, {}, "groups nest deeper than 100" + of(*frame.message)};
  while (at_ < frame.end) {
    Tag tag;
    if (auto problem = read_tag(frame, kMaxTag, tag)) return problem;
    if (tag.wire_type == kEndGroup) {
      if (tag.number == start.number) return std::nullopt;
      return Problem{tag.at, {}, "the end of another group than " + title + of(*frame.message)};
    }
    uint64_t number = 0;
    Place content;
    auto problem = tag.wire_type == kStartGroup
                       ? skip_group({frame.message, frame.end, frame.depth + 1, kMaxLength}, tag)
                       : read_content(frame, tag, number, content);
    if (problem) return problem;
  }
  return Problem{start.at, {}, title + " is a group without an end" + of(*frame.message)};
}

std::optional<Problem> Walker::walk(const Message& message, Place place, int depth, Part& out) {
  const Frame frame{&message, place.at + place.size, depth, kMaxLength};
  if (depth > kMaxDepth) return Problem{place.at, {}, "messages nest deeper than 100" + of(message)};
  at_ = place.at;
  while (at_ < frame.end) {
    Tag tag;
    if (auto problem = read_tag(frame, kMaxTag, tag)) return problem;
    if (tag.wire_type == kEndGroup) return Problem{tag.at, {}, "the end of a group that was not begun" + of(message)};
    std::optional<Problem> problem;
    if (tag.wire_type == kStartGroup) {
      problem = skip_group({&message, frame.end, depth + 1, kMaxLength}, tag);
      if (!problem) unknown(tag, out);
    } else {
      uint64_t number = 0;
      Place content;
      problem = read_content(frame, tag, number, content);
      const Field* const field = find(message, tag.number, tag.wire_type);
      if (problem && content.cut) cut(frame, field, content, out);
      const bool no_name = field != nullptr && field->type == Type::kEvidenceType &&
                           (static_cast<int32_t>(number) < 0 || static_cast<int32_t>(number) > kLastEvidenceType);
      if (!problem && (field == nullptr || no_name)) {
        unknown(tag, out);
      } else if (!problem) {
        problem = known(frame, *field, number, content, out);
        at_ = content.at + content.size;
      }
    }
    if (problem) return problem;
  }
  return std::nullopt;
}

std::optional<Problem> Walker::known(const Frame& frame, const Field& field, uint64_t number, Place content,
                                     Part& out) {
  ++known_fields_;
  if (field.in_oneof) {
    std::erase_if(out.parts, [&](const Part& part) {
      return part.name != field.name && std::ranges::any_of(frame.message->fields, [&](const Field& other) {
               return other.in_oneof && other.name == part.name;
             });
    });
  }
  Part part = value_part(field.name, content.at, content.size, {});
  const ByteView bytes = object_.subspan(content.at, content.size);
  switch (field.type) {
    case Type::kBytes:
      part.value = to_bytes(bytes);
      break;
    case Type::kText:
      part.value = std::string(as_text(bytes));
      break;
    case Type::kInt64:
      part.value = static_cast<int64_t>(number);
      break;
    case Type::kUint32:
      part.value = uint64_t{static_cast<uint32_t>(number)};
      break;
    case Type::kInt32:
    case Type::kEvidenceType:
      part.value = int64_t{static_cast<int32_t>(number)};
      break;
    case Type::kMessage:
      part.shape = Shape::kObject;
      break;
  }
  Part* target = nullptr;
  if (field.repeated) {
    target = out.find(field.name);
    if (target == nullptr) target = &out.set(list_part(field.name, content.at, 0));
    target->size = content.at + content.size - target->at;
    part.name.clear();
    target = &target->parts.emplace_back(std::move(part));
  } else if (Part* const there = out.find(field.name); there != nullptr && field.type == Type::kMessage) {
    target = there;  // merged
  } else {
    target = &out.set(std::move(part));
  }
  if (field.type != Type::kMessage) return std::nullopt;
  auto problem = walk(*field.message, content, frame.depth + 1, *target);
  if (!problem) return std::nullopt;
  if (!field.repeated) return within(field.name, std::move(*problem));
  return within(element_name(field.name, out.find(field.name)->parts.size() - 1), std::move(*problem));
}

// What is there of a message that is cut is shown; what is wrong in it follows from the cut.
void Walker::cut(const Frame& frame, const Field* field, Place content, Part& out) {
  if (field == nullptr) {
    ++unknown_fields_;
  } else if (field->type == Type::kMessage) {
    (void)known(frame, *field, 0, content, out);
  } else {
    ++known_fields_;
  }
}

void Walker::unknown(const Tag& tag, Part& out) {
  ++unknown_fields_;
  if (unknown_fields_ > kMaxUnknownShown) return;
  Part* list = out.find("unknown_fields");
  if (list == nullptr) list = &out.set(list_part("unknown_fields", tag.at, 0));
  Part& field = list->parts.emplace_back(object_part("", tag.at, at_ - tag.at));
  list->size = at_ - list->at;
  field.set(value_part("number", tag.at, 0, uint64_t{tag.number}));
  field.set(value_part("wire_type", tag.at, 0, uint64_t{tag.wire_type}));
  field.set(value_part("encoded", field.at, field.size, to_bytes(object_.subspan(field.at, field.size))));
}

std::optional<Problem> Walker::split(const Message& message, Place place, size_t max_count,
                                     std::vector<Place>& elements) {
  const Frame frame{&message, place.at + place.size, 0, kMaxVarint};
  at_ = place.at;
  while (at_ < frame.end) {
    Tag tag;
    if (auto problem = read_tag(frame, kMaxVarint, tag)) return problem;
    if (tag.wire_type == kStartGroup || tag.wire_type == kEndGroup) {
      return Problem{tag.at, {}, "a group, which nobody sends" + of(message)};
    }
    uint64_t number = 0;
    Place content;
    auto problem = read_content(frame, tag, number, content);
    if (problem) {
      if (!content.cut) return problem;
      const bool element = find(message, tag.number, tag.wire_type) != nullptr;
      ++(element ? known_fields_ : unknown_fields_);
      if (element && elements.size() < max_count) elements.push_back(content);
      return problem;
    }
    if (find(message, tag.number, tag.wire_type) == nullptr) {
      ++unknown_fields_;
      continue;
    }
    if (elements.size() == max_count) {
      return Problem{tag.at, {}, "more than " + std::to_string(max_count) + " elements" + of(message)};
    }
    ++known_fields_;
    elements.push_back(content);
  }
  return std::nullopt;
}

}  // namespace openpcc::inspect::protobuf
