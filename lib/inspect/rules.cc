// Rules that several messages share, and what is shown beside their fields.
#include <ctime>

#include "base/tags.h"
#include "base/uuid.h"
#include "inspect/internal.h"
#include "wire/currency.h"
#include "wire/evidence.h"
#include "wire/utf8.h"

namespace openpcc::inspect::internal {

const std::string* text_of(const Part& message, std::string_view field) {
  const Part* const part = message.find(field);
  return part == nullptr ? nullptr : std::get_if<std::string>(&part->value);
}

const Bytes* bytes_of(const Part& message, std::string_view field) {
  const Part* const part = message.find(field);
  return part == nullptr ? nullptr : std::get_if<Bytes>(&part->value);
}

int64_t number_of(const Part& message, std::string_view field) {
  const Part* const part = message.find(field);
  const auto* const number = part == nullptr ? nullptr : std::get_if<int64_t>(&part->value);
  return number == nullptr ? 0 : *number;
}

std::optional<Problem> check_size(const Inspection& in, size_t cap, std::string_view what) {
  if (in.object.size() <= cap) return std::nullopt;
  return Problem{cap, {}, "more than the " + std::to_string(cap) + " bytes that " + std::string(what) + " may have"};
}

std::optional<Problem> check_id(const Part& message, std::string_view field, std::string_view what) {
  const Part* const part = message.find(field);
  const std::string rule =
      "the id must be a UUIDv7 in its form of 36 characters (RFC 9562 §5.7; " + std::string(what) + ")";
  if (part == nullptr) return Problem{message.at, std::string(field), "is missing: " + rule};
  if (UuidV7::parse(std::get<std::string>(part->value))) return std::nullopt;
  return Problem{part->at, std::string(field), rule};
}

std::optional<Problem> check_tags(const Part& message, bool required, std::string_view what) {
  const Part* const tags = message.find("tags");
  const std::string source = " (" + std::string(what) + ")";
  if (tags == nullptr || tags->parts.empty()) {
    if (!required) return std::nullopt;
    return Problem{message.at, "tags", "are missing: there must be at least one" + source};
  }
  for (size_t i = 0; i < tags->parts.size(); ++i) {
    const Part& tag = tags->parts[i];
    const auto& text = std::get<std::string>(tag.value);
    const char* rule = nullptr;
    if (i >= limits::kTags) rule = "more than 1024 tags";
    if (text.size() > Tags::kMaxTagSize) rule = "a tag may have 512 bytes";
    if (!wire::is_utf8(text)) rule = "a tag must be UTF-8";
    if (rule != nullptr) return Problem{tag.at, element_name("tags", i), rule + source};
  }
  return std::nullopt;
}

std::optional<Problem> check_piece_count(const Part* evidence) {
  const Part* const items = evidence == nullptr ? nullptr : evidence->find("items");
  if (items == nullptr || items->parts.size() <= wire::kMaxEvidencePieces) return std::nullopt;
  return Problem{items->parts[wire::kMaxEvidencePieces].at, "evidence.items", "more than 64 pieces of evidence"};
}

// A Currency message; null where it is missing, then `at` is where that shows.
std::optional<Problem> check_currency(Part* message, size_t at) {
  static const Bytes kNone;
  const Part* const field = message == nullptr ? nullptr : message->find("currency");
  const Bytes& bytes = field == nullptr ? kNone : std::get<Bytes>(field->value);
  const auto currency = wire::Currency::from_bytes(bytes);
  if (!currency) {
    return Problem{
        field == nullptr ? at : field->at, "currency",
        "an amount has 2 bytes, of which the first is at most 3 (Currency field 1; " + currency.error().message + ")"};
  }
  const auto amount = currency->amount();
  message->set(value_part(amount ? "amount" : "special", field->at, field->size,
                          amount ? Value(*amount) : Value(std::string("pays for a manifests query, is no amount"))));
  return std::nullopt;
}

void add_time(Part* timestamp) {
  if (timestamp == nullptr) return;
  const auto seconds = static_cast<std::time_t>(number_of(*timestamp, "seconds"));
  constexpr std::time_t kFirst = -62135596800;  // of the years 1 to 9999, as protobuf's Timestamp allows
  constexpr std::time_t kLast = 253402300799;
  std::tm utc{};
  char text[32];
  if (seconds < kFirst || seconds > kLast || ::gmtime_r(&seconds, &utc) == nullptr) return;
  if (std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) return;
  timestamp->set(value_part("utc", timestamp->at, timestamp->size, std::string(text)));
}

}  // namespace openpcc::inspect::internal
