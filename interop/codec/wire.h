// wire.h - messages of the wire as JSON: what one kind shows of its bytes, and back.
#pragma once

#include "codec.h"
#include "wire/evidence.h"

namespace openpcc::interop {

struct Kind {
  std::function<Result<Json>(ByteView)> read;
  std::function<Result<Bytes>(const Json&)> write;
};
using Kinds = std::map<std::string, Kind, std::less<>>;

void add_money_kinds(Kinds& kinds);   // currency, credit, badge
void add_router_kinds(Kinds& kinds);  // manifests, manifest_request, request_info, node_event, error_body

[[nodiscard]] Json json_of(const wire::SignedEvidenceList& list);
[[nodiscard]] wire::SignedEvidenceList evidence_of(const Json& list);

}  // namespace openpcc::interop
