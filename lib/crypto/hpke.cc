#include "crypto/hpke.h"

#include <algorithm>
#include <limits>

#include "crypto/labeled.h"

namespace openpcc::crypto {

namespace {

struct Keyed {
  SecretBytes key;
  detail::Schedule schedule;
};

// RFC 9180 §4.1, ExtractAndExpand.
Result<SecretBytes> shared_secret(Kem kem, ByteView dh, ByteView enc, ByteView public_key) {
  constexpr size_t kSecretSize = 32;  // Nsecret of both KEMs
  const auto id = detail::kem_suite_id(kem);
  OPENPCC_TRY(SecretBytes prk, detail::labeled_extract(id, {}, "eae_prk", dh));
  return detail::labeled_expand(id, prk.view(), "shared_secret", {enc, public_key}, kSecretSize);
}

// RFC 9180 §5.1, KeySchedule, mode base: no pre-shared key.
Result<Keyed> key_schedule(Suite suite, ByteView shared, ByteView info) {
  const auto id = detail::hpke_suite_id(suite);
  const std::array<uint8_t, 1> mode_base = {0x00};
  OPENPCC_TRY(SecretBytes psk_id_hash, detail::labeled_extract(id, {}, "psk_id_hash", {}));
  OPENPCC_TRY(SecretBytes info_hash, detail::labeled_extract(id, {}, "info_hash", info));
  OPENPCC_TRY(SecretBytes secret, detail::labeled_extract(id, shared, "secret", {}));
  const auto expand = [&](std::string_view label, size_t length) {
    return detail::labeled_expand(id, secret.view(), label, {mode_base, psk_id_hash.view(), info_hash.view()}, length);
  };
  Keyed out;
  out.schedule.suite = suite;
  OPENPCC_TRY(out.key, expand("key", aead_key_size(suite.aead)));
  OPENPCC_TRY(out.schedule.base_nonce, expand("base_nonce", kAeadNonceSize));
  OPENPCC_TRY(out.schedule.exporter_secret, expand("exp", kSha256Size));
  return out;
}

}  // namespace

Result<std::array<uint8_t, kAeadNonceSize>> detail::Schedule::next_nonce() const {
  // The RFC's limit is 2^96 - 1; a 64-bit counter that never wraps is stricter, and nobody gets there.
  if (sequence_ == std::numeric_limits<uint64_t>::max()) return fail(kMessageLimit, "HPKE message limit reached");
  std::array<uint8_t, kAeadNonceSize> nonce{};
  std::copy_n(base_nonce.view().begin(), kAeadNonceSize, nonce.begin());
  for (size_t i = 0; i < 8; ++i) {
    const auto shifted = static_cast<uint8_t>((sequence_ >> (8 * i)) & 0xff);
    nonce[kAeadNonceSize - 1 - i] = static_cast<uint8_t>(nonce[kAeadNonceSize - 1 - i] ^ shifted);
  }
  return nonce;
}

Result<SecretBytes> detail::Schedule::export_secret(ByteView context, size_t length) const {
  return labeled_expand(hpke_suite_id(suite), exporter_secret.view(), "sec", {context}, length);
}

Result<Bytes> SenderContext::seal(ByteView aad, ByteView plaintext) {
  OPENPCC_TRY(const auto nonce, schedule_.next_nonce());
  Bytes out;
  out.reserve(plaintext.size() + kAeadTagSize);
  OPENPCC_TRY_STATUS(sealer_.seal(nonce, aad, plaintext, out));
  schedule_.advance();
  return out;
}

Result<WipedBytes> RecipientContext::open(ByteView aad, ByteView sealed) {
  OPENPCC_TRY(const auto nonce, schedule_.next_nonce());
  WipedBytes out;
  OPENPCC_TRY_STATUS(opener_.open(nonce, aad, sealed, out));
  schedule_.advance();
  return out;
}

Result<SenderContext> setup_sender(Suite suite, ByteView public_key, ByteView info, const RandomSource& random) {
  OPENPCC_TRY(const KeyPair ephemeral, KeyPair::generate(suite.kem, random));
  OPENPCC_TRY(SecretBytes dh, ephemeral.dh(public_key));
  const Bytes& enc = ephemeral.public_key();
  OPENPCC_TRY(SecretBytes shared, shared_secret(suite.kem, dh.view(), enc, public_key));
  OPENPCC_TRY(Keyed keyed, key_schedule(suite, shared.view(), info));
  OPENPCC_TRY(AeadSealer sealer, AeadSealer::create(suite.aead, keyed.key.view()));
  return SenderContext(enc, std::move(sealer), std::move(keyed.schedule));
}

Result<RecipientContext> setup_recipient(Suite suite, ByteView enc, ByteView public_key, const DiffieHellman& dh,
                                         ByteView info) {
  OPENPCC_TRY_STATUS(check_public_key(suite.kem, enc));
  OPENPCC_TRY_STATUS(check_public_key(suite.kem, public_key));
  OPENPCC_TRY(SecretBytes value, dh(enc));
  // RFC 9180 §7.1.4 wants the all-zero value refused; whoever did the Diffie-Hellman may not have looked. For P-256,
  // too: openpcc tpm/hpke/ecdhzgen_tpm.go.
  if (value.size() != kDhSize || detail::all_zero(value.view())) {
    return fail(kBadDhResult, "the Diffie-Hellman gave no usable value");
  }
  OPENPCC_TRY(SecretBytes shared, shared_secret(suite.kem, value.view(), enc, public_key));
  OPENPCC_TRY(Keyed keyed, key_schedule(suite, shared.view(), info));
  OPENPCC_TRY(AeadOpener opener, AeadOpener::create(suite.aead, keyed.key.view()));
  return RecipientContext(to_bytes(enc), std::move(opener), std::move(keyed.schedule));
}

}  // namespace openpcc::crypto
