// schema.h - the messages of lib/wire/proto that can be inspected, as tables for the walker.
#pragma once

#include "inspect/protobuf.h"

namespace openpcc::inspect::schema {

extern const protobuf::Message kComputeManifestList;
extern const protobuf::Message kComputeManifest;
extern const protobuf::Message kComputeManifestRequest;
extern const protobuf::Message kComputeRequestInfo;
extern const protobuf::Message kSignedEvidenceList;
extern const protobuf::Message kSignedEvidencePiece;
extern const protobuf::Message kTpmQuoteAttestation;
extern const protobuf::Message kNodeEvent;
extern const protobuf::Message kCurrency;
extern const protobuf::Message kCredit;
extern const protobuf::Message kBadge;
extern const protobuf::Message kError;

}  // namespace openpcc::inspect::schema
