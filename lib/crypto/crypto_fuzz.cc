// Hostile public keys, PEM texts, RSA keys with signatures, and HPKE messages. The first byte chooses.
#include <algorithm>
#include <cstdlib>

#include "crypto/hpke.h"
#include "crypto/signature.h"

namespace {

using namespace openpcc;
using namespace openpcc::crypto;

void public_key(Kem kem, ByteView bytes) {
  static const KeyPair pairs[] = {*KeyPair::from_private(Kem::kP256HkdfSha256, Bytes(32, 0x11)),
                                  *KeyPair::from_private(Kem::kX25519HkdfSha256, Bytes(32, 0x11))};
  const KeyPair& pair = pairs[kem == Kem::kP256HkdfSha256 ? 0 : 1];
  const bool accepted = check_public_key(kem, bytes).has_value();
  const bool agreed = pair.dh(bytes).has_value();
  // A point that has been checked must be usable: of P-256 always, of X25519 unless it is one of small order.
  if (agreed && !accepted) std::abort();
  if (kem == Kem::kP256HkdfSha256 && agreed != accepted) std::abort();
  const size_t enc_size = std::min(public_key_size(kem), bytes.size());
  auto context = setup_recipient({kem, Kdf::kHkdfSha256, Aead::kAes128Gcm}, bytes.first(enc_size), pair.public_key(),
                                 pair.diffie_hellman(), {});
  if (context && context->open({}, bytes.subspan(enc_size))) std::abort();  // nobody made that by chance
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView bytes(data + 1, size - 1);
  switch (data[0]) {
    case 'p':
      public_key(Kem::kP256HkdfSha256, bytes);
      break;
    case 'x':
      public_key(Kem::kX25519HkdfSha256, bytes);
      break;
    case 'e': {
      const auto key = ed25519_key_from_pem(as_text(bytes));
      if (key && key->size() != kEd25519KeySize) std::abort();
      break;
    }
    case 'r': {  // half modulus, half signature
      const uint8_t exponent[] = {1, 0, 1};
      (void)verify_rsa_pkcs1_sha256(bytes.first(bytes.size() / 2), exponent, {}, bytes.subspan(bytes.size() / 2));
      break;
    }
    default:
      break;
  }
  return 0;
}
