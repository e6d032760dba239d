// interop_codec: answers JSON lines with what our libraries make of bytes, or make into bytes. See codec.h.
#include <iostream>

#include "codec.h"

namespace openpcc::interop {

Bytes bytes_of(const Json& hex) {
  auto bytes = from_hex(hex.get<std::string>());
  if (!bytes) throw Json::other_error::create(0, bytes.error().message, nullptr);
  return std::move(*bytes);
}

Json outcome(Result<Json> result) {
  if (!result) {
    return {{"ok", false}, {"error", std::string(result.error().code.name) + ": " + result.error().message}};
  }
  (*result)["ok"] = true;
  return std::move(*result);
}

Result<Json> for_each_variant(const Json& variants, const std::function<Result<Json>(ByteView)>& run) {
  Json outcomes = Json::array();
  for (const Json& input : variants.value("list", Json::array())) outcomes.push_back(outcome(run(bytes_of(input))));
  const Bytes of = bytes_of(variants.value("of", Json("")));
  for (const Json& bit : variants.value("flip_bits", Json::array())) {
    const size_t at = bit.get<size_t>();
    if (at / 8 >= of.size()) return fail(kBadParameters, "no such bit");
    Bytes flipped = of;
    flipped[at / 8] = static_cast<uint8_t>(flipped[at / 8] ^ (1U << (at % 8)));
    outcomes.push_back(outcome(run(flipped)));
  }
  return Json{{"outcomes", std::move(outcomes)}};
}

namespace {

Json answer(const Operations& operations, State& state, const std::string& line) {
  Json parameters;
  try {
    parameters = Json::parse(line);
    const auto operation = operations.find(parameters.at("op").get<std::string>());
    if (operation == operations.end()) return outcome(fail(kBadParameters, "unknown op"));
    return outcome(operation->second(state, parameters));
  } catch (const Json::exception& error) {
    return outcome(fail(kBadParameters, error.what()));
  }
}

int run() {
  Operations operations;
  add_http_operations(operations);
  add_sealed_operations(operations);
  add_wire_operations(operations);
  add_evidence_operations(operations);
  add_secret_operations(operations);
  State state;
  std::string line;
  while (std::getline(std::cin, line)) {
    Json out = answer(operations, state, line);
    const Json id = Json::parse(line, nullptr, false);
    if (id.is_object() && id.contains("id")) out["id"] = id["id"];
    // The official side replaces what is no UTF-8 as well.
    std::cout << out.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace openpcc::interop

int main() {
  return openpcc::interop::run();
}
