// tpm.h - the TPM structures of evidence, field by field (TCG TPM 2.0 Library, Part 2). lib/tpmwire decides; here is
// only where each field stands, and which one was refused.
#pragma once

#include "inspect/protobuf.h"

namespace openpcc::inspect {

// Each adds the fields of the structure at `place` to `out`, as far as they could be read.
[[nodiscard]] std::optional<Problem> read_public_area(ByteView object, protobuf::Place place, Part& out);
[[nodiscard]] std::optional<Problem> read_attest(ByteView object, protobuf::Place place, Part& out);
[[nodiscard]] std::optional<Problem> read_sized_attest(ByteView object, protobuf::Place place, Part& out);
[[nodiscard]] std::optional<Problem> read_tpm_signature(ByteView object, protobuf::Place place, Part& out);

}  // namespace openpcc::inspect
