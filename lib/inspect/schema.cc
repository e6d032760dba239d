#include "inspect/schema.h"

namespace openpcc::inspect::schema {

using protobuf::Field;
using protobuf::Message;
using protobuf::Type;

namespace {

constexpr Field repeated(Field field) {
  field.repeated = true;
  return field;
}
constexpr Field in_oneof(Field field) {
  field.in_oneof = true;
  return field;
}

constexpr Field kTimestampFields[] = {{1, "seconds", Type::kInt64}, {2, "nanos", Type::kInt32}};
constexpr Message kTimestamp{"Timestamp", kTimestampFields};

constexpr Field kPieceFields[] = {
    {1, "type", Type::kEvidenceType}, {2, "data", Type::kBytes}, {3, "signature", Type::kBytes}};
constexpr Field kEvidenceFields[] = {repeated({1, "items", Type::kMessage, &kSignedEvidencePiece})};
constexpr Field kPcrEntryFields[] = {{1, "key", Type::kUint32}, {2, "value", Type::kBytes}};
constexpr Message kPcrEntry{"PCRValues entry", kPcrEntryFields};
constexpr Field kPcrValuesFields[] = {repeated({1, "values", Type::kMessage, &kPcrEntry})};
constexpr Message kPcrValues{"PCRValues", kPcrValuesFields};
constexpr Field kQuoteFields[] = {{1, "quote", Type::kBytes}, {2, "pcr_values", Type::kMessage, &kPcrValues}};

constexpr Field kManifestFields[] = {
    {1, "id", Type::kText}, repeated({2, "tags", Type::kText}), {3, "evidence", Type::kMessage, &kSignedEvidenceList}};
constexpr Field kManifestListFields[] = {repeated({1, "items", Type::kMessage, &kComputeManifest})};
constexpr Field kManifestRequestFields[] = {repeated({1, "tags", Type::kText}), {2, "limit", Type::kInt32}};
// Fields 2 and 3 are deprecated, sent by nobody and ignored by all: they show as unknown.
constexpr Field kCandidateFields[] = {{1, "id", Type::kText}, {4, "encapsulated_key", Type::kBytes}};
constexpr Message kCandidate{"ComputeCandidate", kCandidateFields};
constexpr Field kRequestInfoFields[] = {repeated({1, "candidates", Type::kMessage, &kCandidate})};

constexpr Field kNodeInfoFields[] = {{2, "url", Type::kText},
                                     {3, "healthcheck_url", Type::kText},
                                     repeated({4, "tags", Type::kText}),
                                     {5, "evidence", Type::kMessage, &kSignedEvidenceList}};
constexpr Message kNodeInfo{"RoutingInfo", kNodeInfoFields};
constexpr Field kHeartbeatFields[] = {in_oneof({1, "routing_info_url", Type::kText}),
                                      in_oneof({2, "routing_info", Type::kMessage, &kNodeInfo})};
constexpr Message kHeartbeat{"Heartbeat", kHeartbeatFields};
constexpr Message kShutdown{"Shutdown", {}};
constexpr Field kNodeEventFields[] = {{1, "node_id", Type::kText},
                                      {2, "event_index", Type::kInt64},
                                      {3, "timestamp", Type::kMessage, &kTimestamp},
                                      in_oneof({4, "heartbeat", Type::kMessage, &kHeartbeat}),
                                      in_oneof({5, "shutdown", Type::kMessage, &kShutdown})};

constexpr Field kCurrencyFields[] = {{1, "currency", Type::kBytes}};
constexpr Field kNonceFields[] = {{1, "timestamp", Type::kMessage, &kTimestamp}, {2, "nonce", Type::kBytes}};
constexpr Message kNonce{"Nonce", kNonceFields};
constexpr Field kCreditFields[] = {
    {1, "value", Type::kMessage, &kCurrency}, {2, "nonce", Type::kMessage, &kNonce}, {3, "signature", Type::kBytes}};
constexpr Field kCredentialsFields[] = {{1, "models", Type::kBytes}};
constexpr Message kCredentials{"Credentials", kCredentialsFields};
constexpr Field kBadgeFields[] = {{1, "credentials", Type::kMessage, &kCredentials}, {2, "signature", Type::kBytes}};
constexpr Field kErrorFields[] = {{1, "message", Type::kText}};

}  // namespace

constexpr Message kComputeManifestList{"ComputeManifestList", kManifestListFields};
constexpr Message kComputeManifest{"ComputeManifest", kManifestFields};
constexpr Message kComputeManifestRequest{"ComputeManifestRequest", kManifestRequestFields};
constexpr Message kComputeRequestInfo{"ComputeRequestInfo", kRequestInfoFields};
constexpr Message kSignedEvidenceList{"SignedEvidenceList", kEvidenceFields};
constexpr Message kSignedEvidencePiece{"SignedEvidencePiece", kPieceFields};
constexpr Message kTpmQuoteAttestation{"TPMQuoteAttestation", kQuoteFields};
constexpr Message kNodeEvent{"NodeEvent", kNodeEventFields};
constexpr Message kCurrency{"Currency", kCurrencyFields};
constexpr Message kCredit{"Credit", kCreditFields};
constexpr Message kBadge{"Badge", kBadgeFields};
constexpr Message kError{"Error", kErrorFields};

}  // namespace openpcc::inspect::schema
