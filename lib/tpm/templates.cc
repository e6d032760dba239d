// The official key templates (confidentcompute computeboot/simulator.go, tpm.go; TCG EK profile H-8).
#include "tpm/tpm.h"

namespace openpcc::tpm {

using namespace tpmwire;

PublicArea simulator_ak_template() {
  PublicArea out;
  out.attributes = kFixedTpm | kFixedParent | kSensitiveDataOrigin | kUserWithAuth | kNoDa | kRestricted | kSign;
  out.key = RsaKey{.symmetric = {}, .scheme = {kAlgRsassa, kAlgSha256}, .key_bits = 2048, .exponent = 0, .modulus = {}};
  return out;
}

PublicArea qemu_ak_template() {
  static constexpr uint8_t kPolicy[] = {0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34,
                                        0x24, 0x14, 0xef, 0xcf, 0xb3, 0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd,
                                        0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0};
  PublicArea out;
  out.attributes =
      kFixedTpm | kFixedParent | kSensitiveDataOrigin | kUserWithAuth | kAdminWithPolicy | kRestricted | kSign;
  out.auth_policy = to_bytes(kPolicy);
  out.key = RsaKey{
      .symmetric = {}, .scheme = {kAlgRsassa, kAlgSha256}, .key_bits = 2048, .exponent = 0, .modulus = Bytes(256)};
  return out;
}

PublicArea storage_primary_template() {
  PublicArea out;
  out.attributes = kFixedTpm | kFixedParent | kSensitiveDataOrigin | kUserWithAuth | kRestricted | kDecrypt;
  EccKey key;
  key.symmetric = {kAlgAes, 128, kAlgCfb};
  out.key = key;
  return out;
}

PublicArea rek_template(const Digest& policy) {
  PublicArea out;
  out.attributes = kRekAttributes;
  out.auth_policy = to_bytes(policy);
  EccKey key;
  key.scheme = {kAlgEcdh, kAlgSha256};
  out.key = key;
  return out;
}

}  // namespace openpcc::tpm
