// What one of the parsers accepts, it must write back to the same bytes.
#include <algorithm>
#include <cstdlib>

#include "tpmwire/attest.h"

namespace {

void expect_same(openpcc::ByteView a, openpcc::ByteView b) {
  if (!std::ranges::equal(a, b)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace openpcc;
  using namespace openpcc::tpmwire;
  const ByteView bytes(data, size);
  if (const auto area = parse_public(bytes)) {
    expect_same(marshal_public(*area), bytes);
    if (object_name(*area)->size() != kNameSize) std::abort();
    if (const auto point = uncompressed_point(*area); point && point->size() != 65) std::abort();
    if (const auto numbers = rsa_numbers(*area); numbers && (numbers->n.empty() || numbers->n[0] == 0)) std::abort();
    if (attribute_names(area->attributes).empty()) std::abort();
  }
  if (const auto attest = parse_attest(bytes)) expect_same(marshal_attest(*attest), bytes);
  if (const auto attest = parse_sized_attest(bytes)) expect_same(marshal_attest(*attest), bytes.subspan(2));
  if (const auto signature = parse_signature(bytes)) expect_same(marshal_signature(*signature), bytes);
  if (const auto selection = parse_selection(bytes)) expect_same(marshal_selection(*selection), bytes);
  return 0;
}
