#include "wire/evidence.h"

#include "base/byte_io.h"
#include "wire/internal.h"

namespace openpcc::wire {

using namespace internal;

namespace {

constexpr size_t kLengthSize = 4;

void fill(const PcrValues& values, csprotos::PCRValues& out) {
  for (const auto& [index, digest] : values) {
    auto& entry = *out.add_values();
    entry.set_key(index);
    entry.set_value(to_string(digest));
  }
}

Result<PcrValues> values_of(const csprotos::PCRValues& message) {
  PcrValues values;
  for (const auto& entry : message.values()) {
    const std::string& digest = entry.value();
    if (entry.key() > kMaxPcrIndex) return invalid("PCR values", "an index above 31");
    if (digest.size() != 20 && digest.size() != 32 && digest.size() != 48 && digest.size() != 64) {
      return invalid("PCR values", "a value has the size of no digest");
    }
    if (!values.emplace(entry.key(), from_string(digest)).second) {
      return invalid("PCR values", "an index comes twice");
    }
  }
  return values;
}

}  // namespace

Bytes encode(const SignedEvidencePiece& piece) {
  csprotos::SignedEvidencePiece message;
  internal::fill(piece, message);
  return serialize(message);
}

Result<SignedEvidencePiece> decode_evidence_piece(ByteView bytes) {
  OPENPCC_TRY(const auto message, parse<csprotos::SignedEvidencePiece>(bytes, kMaxEvidenceSize, "evidence piece"));
  return piece_of(message);
}

Bytes encode(const SignedEvidenceList& list) {
  csprotos::SignedEvidenceList message;
  internal::fill(list, message);
  return serialize(message);
}

Result<SignedEvidenceList> decode_evidence_list(ByteView bytes) {
  OPENPCC_TRY(const auto items, split_list(bytes, kMaxEvidenceSize, kMaxEvidencePieces, "evidence list"));
  SignedEvidenceList list;
  for (const ByteView item : items) {
    OPENPCC_TRY(SignedEvidencePiece piece, decode_evidence_piece(item));
    list.push_back(std::move(piece));
  }
  return list;
}

Bytes encode(const PcrValues& values) {
  csprotos::PCRValues message;
  fill(values, message);
  return serialize(message);
}

Result<PcrValues> decode_pcr_values(ByteView bytes) {
  OPENPCC_TRY(const auto message, parse<csprotos::PCRValues>(bytes, kMaxQuoteSize, "PCR values"));
  return values_of(message);
}

Bytes encode(const TpmQuoteAttestation& quote) {
  csprotos::TPMQuoteAttestation message;
  message.set_tpmstattestquote(to_string(quote.quote));
  fill(quote.pcrs, *message.mutable_pcrvalues());
  return serialize(message);
}

Result<TpmQuoteAttestation> decode_tpm_quote(ByteView bytes) {
  OPENPCC_TRY(const auto message, parse<csprotos::TPMQuoteAttestation>(bytes, kMaxQuoteSize, "TPM quote"));
  if (!message.has_tpmstattestquote()) return invalid("TPM quote", "no quote");
  if (!message.has_pcrvalues()) return invalid("TPM quote", "no PCR values");
  OPENPCC_TRY(PcrValues pcrs, values_of(message.pcrvalues()));
  return TpmQuoteAttestation{from_string(message.tpmstattestquote()), std::move(pcrs)};
}

Result<Bytes> encode_hand_off(const SignedEvidenceList& list) {
  const Bytes encoded = encode(list);
  if (encoded.size() > kMaxEvidenceSize) return fail(kUnencodable, "evidence: more than 1048576 bytes");
  Bytes out;
  append_u32(out, static_cast<uint32_t>(encoded.size()));
  append(out, encoded);
  return out;
}

std::optional<size_t> HandOffReader::wanted() const {
  if (bytes_.size() < kLengthSize) return std::nullopt;
  return size_t{*ByteReader(bytes_).u32()} + kLengthSize;
}

Status HandOffReader::feed(ByteView bytes) {
  // The length first, so that nothing is kept that it does not allow.
  const size_t head = std::min(bytes.size(), kLengthSize - std::min(kLengthSize, bytes_.size()));
  append(bytes_, bytes.first(head));
  bytes = bytes.subspan(head);
  const auto size = wanted();
  if (!size) return {};
  if (*size > kMaxEvidenceSize + kLengthSize) {
    return fail(kTooLarge, "evidence hand-off: the length is above 1048576 bytes");
  }
  if (overrun_ || bytes.size() > *size - bytes_.size()) {
    overrun_ = true;
    return fail(kMalformed, "evidence hand-off: bytes after the frame");
  }
  append(bytes_, bytes);
  return {};
}

bool HandOffReader::complete() const {
  return !overrun_ && wanted() == bytes_.size();
}

Result<SignedEvidenceList> HandOffReader::finish() const {
  if (!complete()) return fail(kTruncated, "evidence hand-off: the connection ended inside the frame");
  return decode_evidence_list(ByteView(bytes_).subspan(kLengthSize));
}

}  // namespace openpcc::wire
