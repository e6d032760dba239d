// sha256.h - inside of lib/tpmwire: SHA-256 of a few parts. Not for other folders, which have crypto/digest.h.
#pragma once

#include "tpmwire/pcr.h"

namespace openpcc::tpmwire {

[[nodiscard]] Result<Digest> sha256(std::initializer_list<ByteView> parts);

}  // namespace openpcc::tpmwire
