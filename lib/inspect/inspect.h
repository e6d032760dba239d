// inspect.h - reads any object of the wire for people and tests: its parts with their places, and for a bad one the
// byte and the rule.
//
// The parsers of the other libraries decide what is good; each inspection asks the one of its kind and compares.
// Nothing is decrypted, and no signature is checked. Input is hostile. Pure, thread-safe.
#pragma once

#include "inspect/part.h"

namespace openpcc::inspect {

enum class Kind {
  kManifests,
  kManifestRequest,
  kEvidence,
  kNodeEvent,
  kRoutingInfo,
  kEncapsulatedKey,
  kBhttp,
  kSealedRequest,
  kChunkedSealedRequest,
  kSealedResponse,
  kChunkedSealedResponse,
  kCredit,
  kCurrency,
  kBadge,
  kErrorBody,
};

[[nodiscard]] const std::vector<Kind>& all_kinds();
[[nodiscard]] std::string_view name_of(Kind kind);   // "routing-info", as on a command line
[[nodiscard]] std::string_view title_of(Kind kind);  // one line for people
// By name; a sealed message also by its media type.
[[nodiscard]] std::optional<Kind> kind_named(std::string_view name);

struct Options {
  // Also what the object carries: the TPM structures of evidence, encapsulated keys. Receivers of the object itself (a
  // router, say) do not look at these.
  bool contents = true;
};

struct Report {
  Kind kind = Kind::kManifests;
  Part root;
  std::vector<Problem> problems;  // empty: well-formed
  bool form_refused = false;      // the object itself is refused, and is its first problem
  // The parser of this kind and this library do not agree: a fault of this library. It is among the problems.
  bool disagreement = false;
};
[[nodiscard]] Report inspect(Kind kind, ByteView bytes, const Options& options = {});

// Which kind the bytes are. A sealed message without chunks looks like random bytes and is never guessed.
struct Guess {
  std::vector<Kind> fitting;  // one: it is that; several: undecided
  // Where none fits: the kinds that give a name to the most fields, and to every one. Empty where the bytes begin like
  // nothing.
  std::vector<Kind> nearest;
};
[[nodiscard]] Guess guess(ByteView bytes);

}  // namespace openpcc::inspect
