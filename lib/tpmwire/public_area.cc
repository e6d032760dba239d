#include "tpmwire/public_area.h"

#include <algorithm>

#include "tpmwire/sha256.h"

namespace openpcc::tpmwire {

namespace {

constexpr size_t kCoordinateSize = 32;
constexpr uint32_t kKnownAttributes = kFixedTpm | kStClear | kFixedParent | kSensitiveDataOrigin | kUserWithAuth |
                                      kAdminWithPolicy | kNoDa | kEncryptedDuplication | kRestricted | kDecrypt |
                                      kSign | kX509Sign;

std::string hex16(uint16_t value) {
  Bytes bytes;
  append_u16(bytes, value);
  return "0x" + to_hex(bytes);
}

std::unexpected<Error> unsupported(std::string_view what, uint16_t value) {
  return fail(kUnsupported, "TPMT_PUBLIC: " + std::string(what) + " " + hex16(value));
}

Result<Bytes> read_sized(ByteReader& reader, size_t cap, std::string_view what) {
  OPENPCC_TRY(const uint16_t size, reader.u16());
  if (size > cap) return fail(kMalformed, std::string(what) + ": " + std::to_string(size) + " bytes");
  OPENPCC_TRY(const ByteView bytes, reader.take(size));
  return to_bytes(bytes);
}

void append_sized(Bytes& out, ByteView bytes) {
  append_u16(out, static_cast<uint16_t>(bytes.size()));
  append(out, bytes);
}

Result<uint16_t> read_hash(ByteReader& reader, std::string_view what) {
  OPENPCC_TRY(const uint16_t hash, reader.u16());
  if (hash != kAlgSha256 && hash != kAlgSha384 && hash != kAlgSha512) return unsupported(what, hash);
  return hash;
}

Result<Symmetric> read_symmetric(ByteReader& reader) {
  Symmetric out;
  OPENPCC_TRY(out.algorithm, reader.u16());
  if (out.algorithm == kAlgNull) return out;
  if (out.algorithm != kAlgAes) return unsupported("symmetric algorithm", out.algorithm);
  OPENPCC_TRY(out.key_bits, reader.u16());
  if (out.key_bits != 128 && out.key_bits != 192 && out.key_bits != 256) {
    return fail(kMalformed, "TPMT_PUBLIC: AES with " + std::to_string(out.key_bits) + " bits");
  }
  OPENPCC_TRY(out.mode, reader.u16());
  // TPMI_ALG_SYM_MODE of an asymmetric storage key: only CFB (Part 2, 12.2.3.5).
  if (out.mode != kAlgCfb) return unsupported("AES mode", out.mode);
  return out;
}

void append_symmetric(Bytes& out, const Symmetric& symmetric) {
  append_u16(out, symmetric.algorithm);
  if (symmetric.algorithm == kAlgNull) return;
  append_u16(out, symmetric.key_bits);
  append_u16(out, symmetric.mode);
}

bool has_hash(uint16_t scheme) {
  return scheme != kAlgNull && scheme != kAlgRsaes;
}

Result<Scheme> read_scheme(ByteReader& reader, std::initializer_list<uint16_t> allowed, std::string_view what) {
  Scheme out;
  OPENPCC_TRY(out.algorithm, reader.u16());
  if (out.algorithm == kAlgNull) return out;
  if (std::ranges::find(allowed, out.algorithm) == allowed.end()) return unsupported(what, out.algorithm);
  if (has_hash(out.algorithm)) {
    OPENPCC_TRY(out.hash, read_hash(reader, "hash of the scheme"));
  }
  return out;
}

void append_scheme(Bytes& out, const Scheme& scheme) {
  append_u16(out, scheme.algorithm);
  if (has_hash(scheme.algorithm)) append_u16(out, scheme.hash);
}

Result<RsaKey> read_rsa(ByteReader& reader) {
  RsaKey key;
  OPENPCC_TRY(key.symmetric, read_symmetric(reader));
  OPENPCC_TRY(key.scheme, read_scheme(reader, {kAlgRsassa, kAlgRsaes, kAlgRsapss, kAlgOaep}, "RSA scheme"));
  OPENPCC_TRY(key.key_bits, reader.u16());
  if (key.key_bits != 2048 && key.key_bits != 3072 && key.key_bits != 4096) {
    return fail(kUnsupported, "TPMT_PUBLIC: RSA with " + std::to_string(key.key_bits) + " bits");
  }
  OPENPCC_TRY(key.exponent, reader.u32());
  if (key.exponent != 0 && (key.exponent < 3 || key.exponent % 2 == 0)) {
    return fail(kMalformed, "TPMT_PUBLIC: RSA exponent " + std::to_string(key.exponent));
  }
  OPENPCC_TRY(key.modulus, read_sized(reader, kMaxRsaBytes, "TPMT_PUBLIC: modulus"));
  if (!key.modulus.empty() && key.modulus.size() != key.key_bits / 8U) {
    return fail(kMalformed, "TPMT_PUBLIC: RSA-" + std::to_string(key.key_bits) + " with a modulus of " +
                                std::to_string(key.modulus.size()) + " bytes");
  }
  return key;
}

Result<EccKey> read_ecc(ByteReader& reader) {
  EccKey key;
  OPENPCC_TRY(key.symmetric, read_symmetric(reader));
  OPENPCC_TRY(key.scheme, read_scheme(reader, {kAlgEcdsa, kAlgEcdh}, "ECC scheme"));
  OPENPCC_TRY(key.curve, reader.u16());
  if (key.curve != kCurveP256) return unsupported("curve", key.curve);
  OPENPCC_TRY(key.kdf, read_scheme(reader, {kAlgKdf1Sp800_56a, kAlgKdf2, kAlgKdf1Sp800_108}, "KDF"));
  OPENPCC_TRY(key.x, read_sized(reader, kCoordinateSize, "TPMT_PUBLIC: X"));
  OPENPCC_TRY(key.y, read_sized(reader, kCoordinateSize, "TPMT_PUBLIC: Y"));
  return key;
}

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](uint8_t b) { return b == 0; });
}

}  // namespace

std::string attribute_names(uint32_t attributes) {
  static constexpr std::pair<uint32_t, std::string_view> kNames[] = {
      {kFixedTpm, "fixedTPM"},
      {kStClear, "stClear"},
      {kFixedParent, "fixedParent"},
      {kSensitiveDataOrigin, "sensitiveDataOrigin"},
      {kUserWithAuth, "userWithAuth"},
      {kAdminWithPolicy, "adminWithPolicy"},
      {kNoDa, "noDA"},
      {kEncryptedDuplication, "encryptedDuplication"},
      {kRestricted, "restricted"},
      {kDecrypt, "decrypt"},
      {kSign, "sign"},
      {kX509Sign, "x509sign"},
  };
  std::string out;
  for (uint32_t bit = 0; bit < 32; ++bit) {
    const uint32_t mask = 1U << bit;
    if ((attributes & mask) == 0) continue;
    if (!out.empty()) out += '|';
    const auto* const found = std::ranges::find(kNames, mask, [](const auto& entry) { return entry.first; });
    if (found == std::end(kNames)) {
      out += "bit " + std::to_string(bit);
    } else {
      out += found->second;
    }
  }
  return out.empty() ? "none" : out;
}

Result<PublicArea> parse_public(ByteView bytes) {
  if (bytes.size() > kMaxPublicBytes) return fail(kMalformed, "TPMT_PUBLIC: too large");
  ByteReader reader(bytes);
  OPENPCC_TRY(PublicArea area, read_public(reader));
  OPENPCC_TRY_STATUS(reader.expect_end("TPMT_PUBLIC"));
  return area;
}

Result<PublicArea> read_public(ByteReader& reader) {
  PublicArea area;
  OPENPCC_TRY(const uint16_t type, reader.u16());
  if (type != kAlgRsa && type != kAlgEcc) return unsupported("type", type);
  OPENPCC_TRY(area.name_algorithm, reader.u16());
  if (area.name_algorithm != kAlgSha256) return unsupported("nameAlg", area.name_algorithm);
  OPENPCC_TRY(area.attributes, reader.u32());
  if ((area.attributes & ~kKnownAttributes) != 0) {
    return fail(kMalformed, "TPMT_PUBLIC: reserved attributes: " + attribute_names(area.attributes));
  }
  OPENPCC_TRY(area.auth_policy, read_sized(reader, sizeof(Digest), "TPMT_PUBLIC: authPolicy"));
  if (!area.auth_policy.empty() && area.auth_policy.size() != sizeof(Digest)) {
    return fail(kMalformed, "TPMT_PUBLIC: authPolicy of " + std::to_string(area.auth_policy.size()) + " bytes");
  }
  if (type == kAlgRsa) {
    OPENPCC_TRY(area.key, read_rsa(reader));
  } else {
    OPENPCC_TRY(area.key, read_ecc(reader));
  }
  return area;
}

Bytes marshal_public(const PublicArea& area) {
  Bytes out;
  const auto* rsa = std::get_if<RsaKey>(&area.key);
  append_u16(out, rsa != nullptr ? kAlgRsa : kAlgEcc);
  append_u16(out, area.name_algorithm);
  append_u32(out, area.attributes);
  append_sized(out, area.auth_policy);
  if (rsa != nullptr) {
    append_symmetric(out, rsa->symmetric);
    append_scheme(out, rsa->scheme);
    append_u16(out, rsa->key_bits);
    append_u32(out, rsa->exponent);
    append_sized(out, rsa->modulus);
  } else {
    const auto& ecc = std::get<EccKey>(area.key);
    append_symmetric(out, ecc.symmetric);
    append_scheme(out, ecc.scheme);
    append_u16(out, ecc.curve);
    append_scheme(out, ecc.kdf);
    append_sized(out, ecc.x);
    append_sized(out, ecc.y);
  }
  return out;
}

Result<Bytes> object_name(const PublicArea& area) {
  OPENPCC_TRY(const Digest digest, sha256({marshal_public(area)}));
  Bytes name;
  append_u16(name, kAlgSha256);
  append(name, digest);
  return name;
}

Result<Bytes> uncompressed_point(const PublicArea& area) {
  const auto* ecc = std::get_if<EccKey>(&area.key);
  if (ecc == nullptr) return fail(kNotP256, "the key is RSA, not P-256");
  if (ecc->curve != kCurveP256 || ecc->x.size() > kCoordinateSize || ecc->y.size() > kCoordinateSize) {
    return fail(kNotP256, "the key is not on P-256");
  }
  if (all_zero(ecc->x) && all_zero(ecc->y)) return fail(kNotP256, "the key has no point");
  Bytes point{0x04};
  for (const Bytes* coordinate : {&ecc->x, &ecc->y}) {
    point.resize(point.size() + kCoordinateSize - coordinate->size());
    append(point, *coordinate);
  }
  return point;
}

Result<RsaNumbers> rsa_numbers(const PublicArea& area) {
  const auto* rsa = std::get_if<RsaKey>(&area.key);
  if (rsa == nullptr) return fail(kNotRsa, "the key is ECC, not RSA");
  if (all_zero(rsa->modulus)) return fail(kNotRsa, "the key has no modulus");
  RsaNumbers out;
  out.n.assign(std::ranges::find_if(rsa->modulus, [](uint8_t b) { return b != 0; }), rsa->modulus.end());
  Bytes exponent;
  append_u32(exponent, rsa->exponent == 0 ? 65537 : rsa->exponent);
  out.e.assign(std::ranges::find_if(exponent, [](uint8_t b) { return b != 0; }), exponent.end());
  return out;
}

Result<ByteView> sized_content(ByteView bytes, size_t cap) {
  ByteReader reader(bytes);
  OPENPCC_TRY(const uint16_t size, reader.u16());
  if (size > cap) return fail(kMalformed, "TPM2B: " + std::to_string(size) + " bytes");
  OPENPCC_TRY(const ByteView content, reader.take(size));
  OPENPCC_TRY_STATUS(reader.expect_end("TPM2B"));
  return content;
}

}  // namespace openpcc::tpmwire
