// message_pump.h - what readers and writers of both directions have in common. Private to lib/sealed.
#pragma once

#include <optional>

#include "base/secret_bytes.h"
#include "bhttp/decoder.h"

namespace openpcc::sealed::detail {

// Encodes with `encode(plaintext)`, then seals what came of it.
template <typename Sealer, typename Encode>
[[nodiscard]] Status encode_and_write(Sealer& sealer, WipedBytes& plaintext, Bytes& out, Encode encode) {
  plaintext.clear();
  OPENPCC_TRY_STATUS(encode(plaintext));
  return sealer.write(plaintext, out);
}

// Opens with `open(plaintext)`, then decodes what came of it: also what came before an error, for it is genuine.
template <typename Open>
[[nodiscard]] Status open_and_decode(bhttp::Decoder& decoder, WipedBytes& plaintext, std::optional<Error>& dead,
                                     Open open) {
  if (dead) return std::unexpected(*dead);
  plaintext.clear();
  Status opened = open(plaintext);
  Status decoded = plaintext.empty() ? Status() : decoder.feed(plaintext);
  Status& first = decoded ? opened : decoded;
  if (!first) dead = first.error();
  return std::move(first);
}

}  // namespace openpcc::sealed::detail
