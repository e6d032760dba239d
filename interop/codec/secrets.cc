// What an attacker on the node would want to find: the keys of a request whose randomness the test has seen.
#include <algorithm>

#include "codec.h"
#include "crypto/hkdf.h"
#include "http.h"
#include "sealed/request_message.h"

namespace openpcc::interop {

namespace {

constexpr size_t kResponseKeySize = 16;

// Gives real random bytes and keeps them.
RandomSource recording(Bytes& seen) {
  return [&seen](MutableByteView out) -> Status {
    OPENPCC_TRY_STATUS(system_random(out));
    append(seen, out);
    return {};
  };
}

// seal_request for one key, which also returns what must never be found outside of the two ends: the DEK and the
// Diffie-Hellman result.
Result<Json> seal_request_seen(State& state, const Json& p) {
  const OutgoingMessage message = outgoing(p.at("request"));
  const Bytes rek = bytes_of(p.at("key"));
  Bytes dek_and_nonce, ephemeral;
  OPENPCC_TRY(const sealed::SealedRequest request,
              sealed::seal_request(message.request, message.body, recording(dek_and_nonce)));
  OPENPCC_TRY(sealed::Candidate candidate, request.encapsulate(rek, recording(ephemeral)));
  OPENPCC_TRY(const crypto::KeyPair pair,
              crypto::KeyPair::generate(crypto::Kem::kP256HkdfSha256, fixed_random_for_testing(ephemeral)));
  OPENPCC_TRY(const SecretBytes shared, pair.dh(rek));
  const Bytes encapsulated_key = candidate.encapsulated_key();
  if (!std::ranges::equal(pair.public_key(),
                          ByteView(encapsulated_key).subspan(sealed::kHeaderSize, sealed::kEncSize))) {
    return fail(kBadParameters, "the ephemeral key is not the one that was used");
  }
  state.known.push_back(to_bytes(shared.view()));
  state.known.push_back(dek_and_nonce);
  state.sent.emplace_back().push_back(std::move(candidate));
  return Json{{"sent", state.sent.size() - 1},
              {"media_type", request.media_type()},
              {"sealed", to_hex(request.body())},
              {"encapsulated_key", to_hex(encapsulated_key)},
              {"dek", to_hex(ByteView(dek_and_nonce).first(sealed::kDekSize))},
              {"ecdh", to_hex(shared.view())},
              {"ephemeral", to_hex(ephemeral)}};
}

// The key of a response that begins with "sealed", to a request of seal_request_seen, whose randomness is "ephemeral".
Result<Json> response_key(State&, const Json& p) {
  const Bytes sealed = bytes_of(p.at("sealed"));
  const std::string media_type = p.at("media_type");
  const std::string request_type = p.at("request_media_type");
  if (sealed.size() < sealed::kResponseNonceSize) return fail(kBadParameters, "no whole nonce");
  const Bytes header = {0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x01};
  const Bytes info = concat({as_bytes(request_type), Bytes{0}, header});
  OPENPCC_TRY(const crypto::SenderContext context,
              crypto::setup_sender(crypto::kOpenpccSuite, bytes_of(p.at("key")), info,
                                   fixed_random_for_testing(bytes_of(p.at("ephemeral")))));
  OPENPCC_TRY(const SecretBytes secret, context.export_secret(as_bytes(media_type), kResponseKeySize));
  const Bytes salt = concat({context.enc(), ByteView(sealed).first(sealed::kResponseNonceSize)});
  OPENPCC_TRY(const SecretBytes prk, crypto::hkdf_extract(salt, {secret.view()}));
  OPENPCC_TRY(const SecretBytes key, crypto::hkdf_expand(prk.view(), {as_bytes("key")}, kResponseKeySize));
  return Json{{"key", to_hex(key.view())}, {"exported", to_hex(secret.view())}};
}

}  // namespace

void add_secret_operations(Operations& operations) {
  operations["seal_request_seen"] = seal_request_seen;
  operations["response_key"] = response_key;
}

}  // namespace openpcc::interop
