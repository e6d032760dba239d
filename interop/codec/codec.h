// codec.h - what the files of interop_codec share: the state between lines, the shape of an operation, bytes in JSON.
//
// The twin of interop/go/codec: the same operations on JSON lines, by our libraries instead of the official packages.
// Driven by the byte-level tests alone, which write well-formed parameters; a wrong one throws nlohmann's exception,
// which the main loop turns into an answer.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>

#include "sealed/request.h"

namespace openpcc::interop {

using Json = nlohmann::json;

// What one line leaves behind for later ones, by number.
struct State {
  std::vector<std::vector<sealed::Candidate>> sent;  // by seal_request: the client's end, by candidate
  std::vector<sealed::RequestOpener> received;       // by open_request: the node's end
  std::vector<Bytes> known;  // by seal_request_seen, unwiped: a search of this process's memory must find these
};

// The answer's fields beside "id" and "ok".
using Operation = std::function<Result<Json>(State&, const Json& parameters)>;
using Operations = std::map<std::string, Operation, std::less<>>;

void add_http_operations(Operations& operations);
void add_sealed_operations(Operations& operations);
void add_wire_operations(Operations& operations);
void add_evidence_operations(Operations& operations);
void add_secret_operations(Operations& operations);

[[nodiscard]] Bytes bytes_of(const Json& hex);
// A list of inputs that an operation is run on one after the other: those of "list", then "of" with one of the bits
// "flip_bits" flipped (bit n is bit n%8 of byte n/8). Returns {"outcomes": [...]}, one a variant.
[[nodiscard]] Result<Json> for_each_variant(const Json& variants, const std::function<Result<Json>(ByteView)>& run);
// {"ok":true,...} or {"ok":false,"error":...}.
[[nodiscard]] Json outcome(Result<Json> result);

inline constexpr ErrorCode kBadParameters{"interop.bad_parameters"};  // the test asks for what there is not

template <typename T>
[[nodiscard]] Result<T*> item(std::vector<T>& items, size_t number) {
  if (number >= items.size()) return fail(kBadParameters, "number " + std::to_string(number) + " is not there");
  return &items[number];
}

}  // namespace openpcc::interop
