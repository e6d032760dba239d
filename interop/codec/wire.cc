#include "wire.h"

namespace openpcc::interop {

namespace {

Result<Json> read_evidence(ByteView bytes) {
  OPENPCC_TRY(const auto list, wire::decode_evidence_list(bytes));
  return json_of(list);
}

Result<Bytes> write_evidence(const Json& list) {
  return wire::encode(evidence_of(list));
}

Result<Json> read_quote(ByteView bytes) {
  OPENPCC_TRY(const auto quote, wire::decode_tpm_quote(bytes));
  Json pcrs = Json::object();
  for (const auto& [index, value] : quote.pcrs) pcrs[std::to_string(index)] = to_hex(value);
  return Json{{"attest", to_hex(quote.quote)}, {"pcrs", std::move(pcrs)}};
}

Result<Bytes> write_quote(const Json& quote) {
  wire::PcrValues pcrs;
  for (const auto& [index, value] : quote.at("pcrs").items()) {
    pcrs[static_cast<uint32_t>(std::stoul(index))] = bytes_of(value);
  }
  return wire::encode(wire::TpmQuoteAttestation{bytes_of(quote.at("attest")), std::move(pcrs)});
}

const Kinds& kinds() {
  static const Kinds all = [] {
    Kinds made;
    made["evidence"] = {read_evidence, write_evidence};
    made["quote"] = {read_quote, write_quote};
    add_money_kinds(made);
    add_router_kinds(made);
    return made;
  }();
  return all;
}

Result<Json> read(const Json& p, ByteView bytes) {
  OPENPCC_TRY(Json value, kinds().at(p.at("kind").get<std::string>()).read(bytes));
  return Json{{"value", std::move(value)}};
}

}  // namespace

Json json_of(const wire::SignedEvidenceList& list) {
  Json pieces = Json::array();
  for (const auto& piece : list) {
    pieces.push_back({{"type", static_cast<int32_t>(piece.type)},
                      {"data", to_hex(piece.data)},
                      {"signature", to_hex(piece.signature)}});
  }
  return pieces;
}

wire::SignedEvidenceList evidence_of(const Json& list) {
  wire::SignedEvidenceList pieces;
  for (const Json& piece : list) {
    pieces.push_back({static_cast<wire::EvidenceType>(piece.at("type").get<int32_t>()), bytes_of(piece.at("data")),
                      bytes_of(piece.at("signature"))});
  }
  return pieces;
}

void add_wire_operations(Operations& operations) {
  operations["read"] = [](State&, const Json& p) { return read(p, bytes_of(p.at("bytes"))); };
  operations["read_variants"] = [](State&, const Json& p) {
    return for_each_variant(p.at("variants"), [&](ByteView input) { return read(p, input); });
  };
  operations["write"] = [](State&, const Json& p) -> Result<Json> {
    OPENPCC_TRY(const Bytes bytes, kinds().at(p.at("kind").get<std::string>()).write(p.at("value")));
    return Json{{"bytes", to_hex(bytes)}};
  };
}

}  // namespace openpcc::interop
