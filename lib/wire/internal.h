// internal.h - between the wrappers and the generated classes. Not for other libraries: it brings in protobuf.
#pragma once

#include <climits>
#include <string>

#include "base/tags.h"
#include "base/uuid.h"
#include "wire/evidence.h"
#include "wire/proto/evidence.pb.h"

namespace openpcc::wire::internal {

template <typename Message>
[[nodiscard]] Result<Message> parse(ByteView bytes, size_t cap, std::string_view what) {
  if (bytes.size() > cap || bytes.size() > INT_MAX) {
    return fail(kTooLarge, std::string(what) + ": more than " + std::to_string(cap) + " bytes");
  }
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(kMalformed, std::string(what) + ": not a protobuf message of this type");
  }
  return message;
}

// Fields in ascending order, as the official programs write them.
template <typename Message>
[[nodiscard]] Bytes serialize(const Message& message) {
  Bytes out(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(out.data());
  return out;
}

[[nodiscard]] inline std::unexpected<Error> invalid(std::string_view what, std::string_view rule) {
  return fail(kInvalid, std::string(what) + ": " + std::string(rule));
}

[[nodiscard]] inline Bytes from_string(const std::string& bytes) {
  return to_bytes(as_bytes(bytes));
}
[[nodiscard]] inline std::string to_string(ByteView bytes) {
  return std::string(as_text(bytes));
}

// The values of field 1 of a message that has only this one, repeated and length-delimited. Lets a list be counted and
// taken apart before anything is allocated for its elements. Unknown fields are skipped.
[[nodiscard]] Result<std::vector<ByteView>> split_list(ByteView bytes, size_t cap, size_t max_count,
                                                       std::string_view what);

[[nodiscard]] Result<UuidV7> parse_id(const std::string& text, std::string_view what);

[[nodiscard]] Result<Tags> parse_tags(const google::protobuf::RepeatedPtrField<std::string>& strings,
                                      std::string_view what);
void fill(const Tags& tags, google::protobuf::RepeatedPtrField<std::string>& out);

void fill(const SignedEvidencePiece& piece, csprotos::SignedEvidencePiece& out);
void fill(const SignedEvidenceList& list, csprotos::SignedEvidenceList& out);
[[nodiscard]] SignedEvidencePiece piece_of(const csprotos::SignedEvidencePiece& piece);
[[nodiscard]] Result<SignedEvidenceList> list_of(const csprotos::SignedEvidenceList& list);

}  // namespace openpcc::wire::internal
