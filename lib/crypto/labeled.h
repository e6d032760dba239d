// labeled.h - RFC 9180 §4: LabeledExtract and LabeledExpand. Private to lib/crypto.
#pragma once

#include "crypto/hpke.h"

namespace openpcc::crypto::detail {

[[nodiscard]] std::array<uint8_t, 5> kem_suite_id(Kem kem);
[[nodiscard]] std::array<uint8_t, 10> hpke_suite_id(Suite suite);

[[nodiscard]] bool all_zero(ByteView bytes);  // in time that depends on the length alone

[[nodiscard]] Result<SecretBytes> labeled_extract(ByteView suite_id, ByteView salt, std::string_view label,
                                                  ByteView ikm);
[[nodiscard]] Result<SecretBytes> labeled_expand(ByteView suite_id, ByteView prk, std::string_view label,
                                                 std::initializer_list<ByteView> info, size_t length);

}  // namespace openpcc::crypto::detail
