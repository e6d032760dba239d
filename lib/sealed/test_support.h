// test_support.h - fixed keys and small helpers of the tests, fuzz targets and benchmarks of lib/sealed.
#pragma once

#include <optional>

#include "sealed/request.h"

namespace openpcc::sealed {

inline Bytes from_hex_or_die(std::string_view text) {
  return from_hex(text).value();
}

inline crypto::KeyPair p256_pair_for_testing(uint8_t fill) {
  return crypto::KeyPair::from_private(crypto::Kem::kP256HkdfSha256, Bytes(crypto::kPrivateKeySize, fill)).value();
}

// Data key 00..1f, content nonce 40..4b; the receiver's scalar is 32 times 11, the ephemeral one 32 times 22.
inline Bytes counting(uint8_t from, size_t count) {
  Bytes out(count);
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<uint8_t>(from + i);
  return out;
}

inline RequestSealer fixed_request_sealer_for_testing(Mode mode) {
  return RequestSealer::create(mode, fixed_random_for_testing(concat({counting(0x00, 32), counting(0x40, 12)})))
      .value();
}

inline Candidate fixed_candidate_for_testing(const RequestSealer& sealer, ByteView rek_point) {
  return sealer.encapsulate(rek_point, fixed_random_for_testing(Bytes(32, 0x22))).value();
}

inline RequestOpener opener_for_testing(Mode mode, const Candidate& candidate, const crypto::KeyPair& rek) {
  return RequestOpener::create(request_media_type(mode), candidate.encapsulated_key(), rek.public_key(),
                               rek.diffie_hellman())
      .value();
}

// What came out, and how it ended: nothing means whole and genuine.
struct Opened {
  Bytes plaintext;
  std::optional<ErrorCode> error;
};

// Feeds `sealed` in pieces of `step` bytes, then finishes.
template <typename Opener>
Opened open_in_steps(Opener& opener, ByteView sealed, size_t step) {
  WipedBytes out;
  Status status;
  for (size_t at = 0; at < sealed.size() && status; at += step) {
    status = opener.feed(sealed.subspan(at, std::min(step, sealed.size() - at)), out);
  }
  if (status) status = opener.finish(out);
  return {to_bytes(out), status ? std::nullopt : std::optional(status.error().code)};
}

}  // namespace openpcc::sealed
