#include "tpmwire/attest.h"

namespace openpcc::tpmwire {

namespace {

// TPM2B_NAME: nothing, a handle, or a hash algorithm with its digest (Part 2, 10.5).
bool is_name_size(size_t size) {
  return size == 0 || size == 4 || size == 22 || size == 34 || size == 50 || size == 66;
}

constexpr size_t kMaxName = 66;
constexpr size_t kMaxData = 66;  // sizeof(TPMT_HA) with SHA-512

Result<Bytes> read_sized(ByteReader& reader, size_t cap, std::string_view what) {
  OPENPCC_TRY(const uint16_t size, reader.u16());
  if (size > cap) return fail(kMalformed, std::string(what) + ": " + std::to_string(size) + " bytes");
  OPENPCC_TRY(const ByteView bytes, reader.take(size));
  return to_bytes(bytes);
}

Result<Bytes> read_name(ByteReader& reader, std::string_view what) {
  OPENPCC_TRY(Bytes name, read_sized(reader, kMaxName, what));
  if (!is_name_size(name.size())) {
    return fail(kMalformed, std::string(what) + ": a name of " + std::to_string(name.size()) + " bytes");
  }
  return name;
}

// A digest of the signing scheme's or the name's hash; both are SHA-256 in this project.
Result<Bytes> read_digest(ByteReader& reader, std::string_view what) {
  OPENPCC_TRY(Bytes digest, read_sized(reader, sizeof(Digest), what));
  if (digest.size() != sizeof(Digest)) {
    return fail(kMalformed, std::string(what) + ": " + std::to_string(digest.size()) + " bytes, not 32");
  }
  return digest;
}

void append_sized(Bytes& out, ByteView bytes) {
  append_u16(out, static_cast<uint16_t>(bytes.size()));
  append(out, bytes);
}

}  // namespace

Result<Attest> parse_attest(ByteView bytes) {
  if (bytes.size() > kMaxAttestBytes) return fail(kMalformed, "TPMS_ATTEST: too large");
  ByteReader reader(bytes);
  OPENPCC_TRY(Attest out, read_attest(reader));
  OPENPCC_TRY_STATUS(reader.expect_end("TPMS_ATTEST"));
  return out;
}

Result<Attest> read_attest(ByteReader& reader) {
  Attest out;
  OPENPCC_TRY(const uint32_t magic, reader.u32());
  if (magic != kGeneratedMagic) return fail(kBadMagic, "TPMS_ATTEST: the magic is not TPM_GENERATED");
  OPENPCC_TRY(const uint16_t type, reader.u16());
  if (type != kAttestQuote && type != kAttestCreation) {
    return fail(kUnsupported, "TPMS_ATTEST: type " + std::to_string(type) + " is neither quote nor creation");
  }
  OPENPCC_TRY(out.qualified_signer, read_name(reader, "TPMS_ATTEST: qualifiedSigner"));
  OPENPCC_TRY(out.extra_data, read_sized(reader, kMaxData, "TPMS_ATTEST: extraData"));
  OPENPCC_TRY(out.clock, reader.u64());
  OPENPCC_TRY(out.reset_count, reader.u32());
  OPENPCC_TRY(out.restart_count, reader.u32());
  OPENPCC_TRY(const uint8_t safe, reader.u8());
  if (safe > 1) return fail(kMalformed, "TPMS_ATTEST: safe is neither yes nor no");
  out.clock_safe = safe == 1;
  OPENPCC_TRY(out.firmware_version, reader.u64());
  if (type == kAttestQuote) {
    QuoteInfo quote;
    OPENPCC_TRY(quote.selection, read_selection(reader));
    OPENPCC_TRY(quote.pcr_digest, read_digest(reader, "TPMS_QUOTE_INFO: pcrDigest"));
    out.attested = std::move(quote);
  } else {
    CreationInfo creation;
    OPENPCC_TRY(creation.object_name, read_name(reader, "TPMS_CREATION_INFO: objectName"));
    OPENPCC_TRY(creation.creation_hash, read_digest(reader, "TPMS_CREATION_INFO: creationHash"));
    out.attested = std::move(creation);
  }
  return out;
}

Result<Attest> parse_sized_attest(ByteView bytes) {
  OPENPCC_TRY(const ByteView content, sized_content(bytes, kMaxAttestBytes));
  return parse_attest(content);
}

Bytes marshal_attest(const Attest& attest) {
  Bytes out;
  const auto* quote = std::get_if<QuoteInfo>(&attest.attested);
  append_u32(out, kGeneratedMagic);
  append_u16(out, quote != nullptr ? kAttestQuote : kAttestCreation);
  append_sized(out, attest.qualified_signer);
  append_sized(out, attest.extra_data);
  append_u64(out, attest.clock);
  append_u32(out, attest.reset_count);
  append_u32(out, attest.restart_count);
  out.push_back(attest.clock_safe ? 1 : 0);
  append_u64(out, attest.firmware_version);
  if (quote != nullptr) {
    append_selection(out, quote->selection);
    append_sized(out, quote->pcr_digest);
  } else {
    const auto& creation = std::get<CreationInfo>(attest.attested);
    append_sized(out, creation.object_name);
    append_sized(out, creation.creation_hash);
  }
  return out;
}

Result<RsassaSignature> parse_signature(ByteView bytes) {
  if (bytes.size() > kMaxSignatureBytes) return fail(kMalformed, "TPMT_SIGNATURE: too large");
  ByteReader reader(bytes);
  OPENPCC_TRY(RsassaSignature out, read_signature(reader));
  OPENPCC_TRY_STATUS(reader.expect_end("TPMT_SIGNATURE"));
  return out;
}

Result<RsassaSignature> read_signature(ByteReader& reader) {
  OPENPCC_TRY(const uint16_t algorithm, reader.u16());
  if (algorithm != kAlgRsassa) return fail(kUnsupported, "TPMT_SIGNATURE: the scheme is not RSASSA");
  OPENPCC_TRY(const uint16_t hash, reader.u16());
  if (hash != kAlgSha256) return fail(kUnsupported, "TPMT_SIGNATURE: the hash is not SHA-256");
  RsassaSignature out;
  OPENPCC_TRY(out.signature, read_sized(reader, kMaxRsaBytes, "TPMT_SIGNATURE"));
  if (out.signature.empty()) return fail(kMalformed, "TPMT_SIGNATURE: empty");
  return out;
}

Bytes marshal_signature(const RsassaSignature& signature) {
  Bytes out;
  append_u16(out, kAlgRsassa);
  append_u16(out, kAlgSha256);
  append_sized(out, signature.signature);
  return out;
}

}  // namespace openpcc::tpmwire
