// The first byte chooses the kind; the rest is inspected, and guessed.
//
// Properties: the verdict is that of the kind's own parser, and of those of what the object carries; every place lies
// within the bytes; a guess only names kinds that take them.
#include <cstdlib>

#include "evidence/evidence.h"
#include "inspect/test_support.h"
#include "inspect/text_input.h"
#include "tpmwire/attest.h"

namespace {

using namespace openpcc;
using namespace openpcc::inspect;

void require(bool condition) {
  if (!condition) std::abort();
}

// What lib/tpmwire and lib/wire say of a piece's contents, found without this library.
bool contents_are_good(const evidence::Piece& piece) {
  switch (piece.type) {
    case wire::EvidenceType::kTpmtPublic:
    case wire::EvidenceType::kAkTpmtPublic:
      return tpmwire::parse_public(piece.data).has_value();
    case wire::EvidenceType::kCertifyRekCreation:
      return tpmwire::parse_sized_attest(piece.data) && tpmwire::parse_signature(piece.signature);
    case wire::EvidenceType::kTpmQuote: {
      const auto quote = wire::decode_tpm_quote(piece.data);
      return quote && tpmwire::parse_attest(quote->quote) && tpmwire::parse_signature(piece.signature);
    }
    default:
      return true;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView bytes(data + 1, size - 1);
  const Kind kind = all_kinds()[data[0] % all_kinds().size()];
  const Report deep = inspect::inspect(kind, bytes);
  const Report shallow = inspect::inspect(kind, bytes, {.contents = false});
  require(fault_of(deep, bytes.size()).empty());
  require(fault_of(shallow, bytes.size()).empty());
  require(deep.form_refused == shallow.form_refused && shallow.form_refused == !shallow.problems.empty());
  if (kind == Kind::kEvidence) {
    const auto list = evidence::decode(bytes);
    require(list.has_value() == !deep.form_refused);
    if (list) {
      bool good = true;
      for (const auto& piece : list->pieces()) good = good && contents_are_good(piece);
      require(good == deep.problems.empty());
    }
  }
  for (const Kind fitting : guess(bytes).fitting) require(!inspect::inspect(fitting, bytes).form_refused);
  if (const auto text = decode_text(bytes, Encoding::kAuto); text && text->encoding == Encoding::kRaw) {
    require(text->bytes == Bytes(bytes.begin(), bytes.end()));
  }
  return 0;
}
