#include "tpmwire/pcr.h"

#include <openssl/evp.h>

#include <algorithm>

#include "tpmwire/public_area.h"
#include "tpmwire/sha256.h"

namespace openpcc::tpmwire {

Result<Digest> sha256(std::initializer_list<ByteView> parts) {
  const Bytes all = concat(parts);
  Digest digest;
  unsigned int size = 0;
  if (EVP_Digest(all.data(), all.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1 || size != digest.size()) {
    return fail(kNoDigest, "SHA-256 is not available");
  }
  return digest;
}

PcrSelectionList select_pcrs(std::span<const uint32_t> indices) {
  PcrSelection selection;
  selection.bitmap.resize(3);
  for (const uint32_t index : indices) {
    if (index > kMaxPcrIndex) continue;
    if (index / 8 >= selection.bitmap.size()) selection.bitmap.resize(index / 8 + 1);
    selection.bitmap[index / 8] = static_cast<uint8_t>(selection.bitmap[index / 8] | (1U << (index % 8)));
  }
  return {selection};
}

PcrSelectionList official_selection() {
  return select_pcrs(kOfficialPcrs);
}

Result<PcrSelectionList> read_selection(ByteReader& reader) {
  OPENPCC_TRY(const uint32_t count, reader.u32());
  if (count > kMaxPcrBanks) return fail(kMalformed, "PCR selection: " + std::to_string(count) + " banks");
  PcrSelectionList list;
  for (uint32_t i = 0; i < count; ++i) {
    PcrSelection selection;
    OPENPCC_TRY(selection.hash, reader.u16());
    OPENPCC_TRY(const uint8_t size, reader.u8());
    if (size < 3 || size > 4) return fail(kMalformed, "PCR selection: bitmap of " + std::to_string(size) + " bytes");
    OPENPCC_TRY(const ByteView bitmap, reader.take(size));
    selection.bitmap = to_bytes(bitmap);
    list.push_back(std::move(selection));
  }
  return list;
}

Result<PcrSelectionList> parse_selection(ByteView bytes) {
  ByteReader reader(bytes);
  OPENPCC_TRY(PcrSelectionList list, read_selection(reader));
  OPENPCC_TRY_STATUS(reader.expect_end("TPML_PCR_SELECTION"));
  return list;
}

void append_selection(Bytes& out, const PcrSelectionList& list) {
  append_u32(out, static_cast<uint32_t>(list.size()));
  for (const PcrSelection& selection : list) {
    append_u16(out, selection.hash);
    out.push_back(static_cast<uint8_t>(selection.bitmap.size()));
    append(out, selection.bitmap);
  }
}

Bytes marshal_selection(const PcrSelectionList& list) {
  Bytes out;
  append_selection(out, list);
  return out;
}

Result<PcrValues> pcr_values_from(const std::map<uint32_t, Bytes>& values) {
  if (values.empty()) return fail(kBadPcrs, "no PCR values");
  PcrValues out;
  for (const auto& [index, value] : values) {
    if (index > kMaxPcrIndex) return fail(kBadPcrs, "there is no PCR " + std::to_string(index));
    Digest digest;
    if (value.size() != digest.size()) {
      return fail(kBadPcrs, "PCR " + std::to_string(index) + " has " + std::to_string(value.size()) + " bytes, not 32");
    }
    std::ranges::copy(value, digest.begin());
    out.emplace(index, digest);
  }
  return out;
}

Result<Digest> pcr_digest(const PcrValues& values) {
  if (values.empty()) return fail(kBadPcrs, "no PCR values");
  Bytes all;
  for (const auto& [index, value] : values) append(all, value);
  return sha256({all});
}

Result<Digest> policy_pcr_digest(const PcrValues& values) {
  std::vector<uint32_t> indices;
  for (const auto& [index, value] : values) {
    if (index > kMaxPcrIndex) return fail(kBadPcrs, "there is no PCR " + std::to_string(index));
    indices.push_back(index);
  }
  OPENPCC_TRY(const Digest digest, pcr_digest(values));
  // Part 3, 23.7: policyDigest = H(policyDigest_old, TPM_CC_PolicyPCR, pcrs, digestTPM), from 32 zero bytes.
  const Digest zero{};
  Bytes command;
  append_u32(command, kCommandPolicyPcr);
  append_selection(command, select_pcrs(indices));
  return sha256({zero, command, digest});
}

Result<Digest> extended(const Digest& before, const Digest& digest) {
  return sha256({before, digest});
}

}  // namespace openpcc::tpmwire
