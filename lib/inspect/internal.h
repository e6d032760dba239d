// internal.h - one inspection under way, and the readers of each kind. Not for other libraries.
#pragma once

#include "inspect/protobuf.h"

namespace openpcc::inspect::internal {

struct Inspection {
  ByteView object;
  Part root;
  std::vector<Problem> problems;
  size_t known_fields = 0;    // of protobuf messages: what was found in them
  size_t unknown_fields = 0;  // and what has no name
  bool disagreement = false;

  [[nodiscard]] protobuf::Place whole() const { return {0, object.size()}; }
};

// How each kind is read: fills `root` as far as it gets; what stopped it, or nothing.
[[nodiscard]] std::optional<Problem> read_manifests(Inspection& in);
[[nodiscard]] std::optional<Problem> read_manifest_request(Inspection& in);
[[nodiscard]] std::optional<Problem> read_evidence(Inspection& in);
[[nodiscard]] std::optional<Problem> read_node_event(Inspection& in);
[[nodiscard]] std::optional<Problem> read_routing_info(Inspection& in);
[[nodiscard]] std::optional<Problem> read_credit(Inspection& in);
[[nodiscard]] std::optional<Problem> read_currency(Inspection& in);
[[nodiscard]] std::optional<Problem> read_badge(Inspection& in);
[[nodiscard]] std::optional<Problem> read_error_body(Inspection& in);
[[nodiscard]] std::optional<Problem> read_encapsulated_key(Inspection& in);
[[nodiscard]] std::optional<Problem> read_bhttp(Inspection& in);
[[nodiscard]] std::optional<Problem> read_sealed_request(Inspection& in);
[[nodiscard]] std::optional<Problem> read_sealed_response(Inspection& in);
[[nodiscard]] std::optional<Problem> read_chunked_request(Inspection& in);
[[nodiscard]] std::optional<Problem> read_chunked_response(Inspection& in);

// What the objects carry inside: evidence pieces, encapsulated keys. Everything found goes to `problems`.
void look_into_manifests(Inspection& in);
void look_into_evidence(Inspection& in);
void look_into_node_event(Inspection& in);
void look_into_routing_info(Inspection& in);

// Rules that several messages share. `message` is the part whose field it is.
[[nodiscard]] std::optional<Problem> check_size(const Inspection& in, size_t cap, std::string_view what);
[[nodiscard]] std::optional<Problem> check_id(const Part& message, std::string_view field, std::string_view what);
[[nodiscard]] std::optional<Problem> check_tags(const Part& message, bool required, std::string_view what);
[[nodiscard]] std::optional<Problem> check_piece_count(const Part* evidence);
[[nodiscard]] std::optional<Problem> check_currency(Part* message, size_t at);
void add_time(Part* timestamp);

// The fields of the encapsulated key at `place`; the problem by sealed::check_encapsulated_key.
[[nodiscard]] std::optional<Problem> read_key(ByteView object, protobuf::Place place, Part& out);

[[nodiscard]] const std::string* text_of(const Part& message, std::string_view field);
[[nodiscard]] const Bytes* bytes_of(const Part& message, std::string_view field);
// 0 where the field is absent.
[[nodiscard]] int64_t number_of(const Part& message, std::string_view field);

}  // namespace openpcc::inspect::internal
