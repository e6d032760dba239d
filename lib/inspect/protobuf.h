// protobuf.h - walks over protobuf messages byte by byte, so that each part has its place and a broken one is pointed
// at.
//
// Takes and refuses what the generated parsers of lib/wire do: an unknown field is skipped, one that is known but has
// another wire type counts as unknown, of a repeated single value the last counts, single messages are merged. Input is
// hostile. Source: protobuf.dev, Encoding.
#pragma once

#include <span>

#include "inspect/part.h"

namespace openpcc::inspect::protobuf {

enum class Type { kBytes, kText, kInt32, kInt64, kUint32, kEvidenceType, kMessage };

struct Message;
struct Field {  // NOLINT(clang-analyzer-optin.performance.Padding): in the order in which tables are read
  uint32_t number;
  std::string_view name;
  Type type;
  const Message* message = nullptr;
  bool repeated = false;
  bool in_oneof = false;  // a message here has at most one oneof
};
struct Message {
  std::string_view name;
  std::span<const Field> fields;
};

struct Place {
  size_t at = 0;  // of the content
  size_t size = 0;
  bool cut = false;  // there should be more of it
};

class Walker {
 public:
  // `object`: all that is inspected; places are counted from its start.
  explicit Walker(ByteView object) : object_(object) {}

  // Reads `place` as one message; adds its fields to `out`, as far as they could be read.
  [[nodiscard]] std::optional<Problem> message(const Message& message, Place place, Part& out);
  // Reads `place` as a message whose only field is repeated, without looking into the elements, by the stricter rules
  // of wire::internal::split_list.
  [[nodiscard]] std::optional<Problem> split(const Message& message, Place place, size_t max_count,
                                             std::vector<Place>& elements);

  // Counted also where they are cut.
  [[nodiscard]] size_t known_fields() const { return known_fields_; }
  [[nodiscard]] size_t unknown_fields() const { return unknown_fields_; }

 private:
  struct Tag {
    size_t at = 0;
    uint32_t number = 0;
    unsigned wire_type = 0;
  };
  struct Frame {  // the message or group being read
    const Message* message;
    size_t end;
    int depth;
    size_t max_length;  // bytes that the length of a field may be written with
  };
  std::optional<Problem> walk(const Message& message, Place place, int depth, Part& out);
  std::optional<Problem> read_tag(const Frame& frame, size_t max_size, Tag& tag);
  std::optional<std::string> read_varint(const Frame& frame, size_t max_size, uint64_t& value);
  // The content of a field: a varint's value, or the place of the bytes.
  std::optional<Problem> read_content(const Frame& frame, const Tag& tag, uint64_t& number, Place& content);
  std::optional<Problem> skip_group(const Frame& frame, const Tag& start);
  std::optional<Problem> known(const Frame& frame, const Field& field, uint64_t number, Place content, Part& out);
  void cut(const Frame& frame, const Field* field, Place content, Part& out);
  void unknown(const Tag& tag, Part& out);

  ByteView object_;
  size_t at_ = 0;
  size_t known_fields_ = 0;
  size_t unknown_fields_ = 0;
};

}  // namespace openpcc::inspect::protobuf
