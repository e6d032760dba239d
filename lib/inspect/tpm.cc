#include "inspect/tpm.h"

#include "tpmwire/attest.h"

namespace openpcc::inspect {

using namespace tpmwire;
using protobuf::Place;

namespace {

std::string hex_number(uint64_t value, size_t width) {
  Bytes bytes;
  append_u64(bytes, value);
  return "0x" + to_hex(ByteView(bytes).last(width));
}

std::string algorithm_name(uint64_t id) {
  switch (id) {
    case kAlgRsa:
      return "RSA";
    case kAlgAes:
      return "AES";
    case kAlgSha256:
      return "SHA-256";
    case kAlgSha384:
      return "SHA-384";
    case kAlgSha512:
      return "SHA-512";
    case kAlgNull:
      return "none";
    case kAlgRsassa:
      return "RSASSA";
    case kAlgRsaes:
      return "RSAES";
    case kAlgRsapss:
      return "RSAPSS";
    case kAlgOaep:
      return "OAEP";
    case kAlgEcdsa:
      return "ECDSA";
    case kAlgEcdh:
      return "ECDH";
    case kAlgKdf1Sp800_56a:
      return "KDF1-SP800-56A";
    case kAlgKdf2:
      return "KDF2";
    case kAlgKdf1Sp800_108:
      return "KDF1-SP800-108";
    case kAlgEcc:
      return "ECC";
    case kAlgCfb:
      return "CFB";
    default:
      return hex_number(id, 2);
  }
}

// Names the fields of a structure in order, up to the byte where its parser stopped. Once that is reached, every call
// gives nothing.
class Fields {
 public:
  Fields(ByteView object, Place place, size_t stop, Part& out)
      : bytes_(object.subspan(place.at, place.size)), base_(place.at), stop_(stop), out_(&out) {}

  std::optional<uint64_t> number(std::string_view name, size_t width) {
    if (!begin(name) || width > stop_ - at_) return std::nullopt;
    uint64_t value = 0;
    for (const uint8_t byte : bytes_.subspan(at_, width)) value = (value << 8) | byte;
    add(width, value);
    return value;
  }
  std::optional<uint64_t> algorithm(std::string_view name) {
    const auto id = number(name, 2);
    if (id) out_->find(name)->value = algorithm_name(*id);
    return id;
  }
  void bytes(std::string_view name, size_t size) {
    if (begin(name) && size <= stop_ - at_) add(size, to_bytes(bytes_.subspan(at_, size)));
  }
  // Behind a u16 that is its size.
  void sized(std::string_view name) {
    if (!begin(name) || stop_ - at_ < 2) return;
    const size_t size = size_t{bytes_[at_]} << 8 | bytes_[at_ + 1];
    if (size > stop_ - at_ - 2) {
      at_ = stop_;
      ended_ = true;
      return;
    }
    at_ += 2;
    add(size, to_bytes(bytes_.subspan(at_, size)));
  }
  // What follows becomes part of `out`, until the next call.
  void into(Part& out) { out_ = &out; }
  [[nodiscard]] size_t place() const { return base_ + at_; }

  // A parser stands behind a field it refuses, and before one that is cut.
  [[nodiscard]] Problem problem(const Error& error) const {
    if (error.code == kTruncated) return {base_ + stop_, wanted_.name, "the structure ends inside this field"};
    return {base_ + refused_.at, refused_.name, error.message};
  }

 private:
  struct Named {
    std::string name;
    size_t at = 0;
  };
  bool begin(std::string_view name) {
    if (at_ >= stop_) {
      if (!ended_) wanted_ = {std::string(name), at_};
      ended_ = true;
      return false;
    }
    refused_ = wanted_ = {std::string(name), at_};
    return true;
  }
  void add(size_t size, Value value) {
    out_->set(value_part(wanted_.name, base_ + at_, size, std::move(value)));
    at_ += size;
  }

  ByteView bytes_;
  size_t base_;
  size_t stop_;
  Part* out_;
  size_t at_ = 0;
  Named wanted_, refused_;
  bool ended_ = false;
};

void name_scheme(Fields& fields, std::string_view name, std::string_view hash_name) {
  const auto scheme = fields.algorithm(name);
  if (scheme && *scheme != kAlgNull && *scheme != kAlgRsaes) fields.algorithm(hash_name);
}

void name_public_area(Fields& fields, Part& out) {
  const auto type = fields.algorithm("type");
  fields.algorithm("name_algorithm");
  if (const auto attributes = fields.number("attributes", 4)) {
    Part& part = *out.find("attributes");
    part.value = hex_number(*attributes, 4);
    out.set(value_part("attribute_names", part.at, part.size, attribute_names(static_cast<uint32_t>(*attributes))));
  }
  fields.sized("auth_policy");
  const auto symmetric = fields.algorithm("symmetric");
  if (symmetric && *symmetric != kAlgNull) {
    fields.number("symmetric_bits", 2);
    fields.algorithm("symmetric_mode");
  }
  name_scheme(fields, "scheme", "scheme_hash");
  if (type == kAlgRsa) {
    fields.number("key_bits", 2);
    fields.number("exponent", 4);
    fields.sized("modulus");
  } else {
    if (const auto curve = fields.number("curve", 2)) {
      out.find("curve")->value = *curve == kCurveP256 ? "NIST P-256" : hex_number(*curve, 2);
    }
    name_scheme(fields, "kdf", "kdf_hash");
    fields.sized("x");
    fields.sized("y");
  }
}

std::string pcrs_of(ByteView bitmap) {
  std::string text;
  for (size_t i = 0; i < bitmap.size() * 8; ++i) {
    if ((bitmap[i / 8] >> (i % 8) & 1) != 0) text += (text.empty() ? "" : ", ") + std::to_string(i);
  }
  return text;
}

void name_selection(Fields& fields, Part& out) {
  const auto banks = fields.number("bank_count", 4);
  if (!banks) return;
  Part& list = out.set(list_part("pcr_selection", fields.place(), 0));
  for (uint64_t i = 0; i < std::min<uint64_t>(*banks, kMaxPcrBanks); ++i) {
    Part bank = object_part("", fields.place(), 0);
    fields.into(bank);
    fields.algorithm("hash");
    if (const auto size = fields.number("bitmap_size", 1)) fields.bytes("bitmap", *size);
    bank.size = fields.place() - bank.at;
    if (bank.size == 0) break;
    if (const Part* const bitmap = bank.find("bitmap")) {
      bank.set(value_part("pcrs", bitmap->at, bitmap->size, pcrs_of(std::get<Bytes>(bitmap->value))));
    }
    list.parts.push_back(std::move(bank));
  }
  list.size = fields.place() - list.at;
  fields.into(out);
}

void name_attest(Fields& fields, Part& out) {
  if (const auto magic = fields.number("magic", 4)) out.find("magic")->value = hex_number(*magic, 4);
  const auto type = fields.number("type", 2);
  if (type) {
    out.find("type")->value = *type == kAttestQuote      ? "quote"
                              : *type == kAttestCreation ? "creation"
                                                         : hex_number(*type, 2);
  }
  fields.sized("qualified_signer");
  fields.sized("extra_data");
  fields.number("clock", 8);
  fields.number("reset_count", 4);
  fields.number("restart_count", 4);
  fields.number("safe", 1);
  fields.number("firmware_version", 8);
  if (type == kAttestQuote) {
    name_selection(fields, out);
    fields.sized("pcr_digest");
  } else {
    fields.sized("object_name");
    fields.sized("creation_hash");
  }
}

void name_signature(Fields& fields, Part&) {
  fields.algorithm("algorithm");
  fields.algorithm("hash");
  fields.sized("signature");
}

// `read` is the parser of lib/tpmwire, `name` puts names to what it has read.
template <typename Read, typename Name>
std::optional<Problem> read_structure(ByteView object, Place place, size_t cap, std::string_view title, Read read,
                                      Name name, Part& out) {
  if (place.size > cap) {
    return Problem{place.at + cap, {}, std::string(title) + " of more than " + std::to_string(cap) + " bytes"};
  }
  ByteReader reader(object.subspan(place.at, place.size));
  const auto result = read(reader);
  Fields fields(object, place, reader.position(), out);
  name(fields, out);
  if (!result) return fields.problem(result.error());
  if (const Status end = reader.expect_end(title); !end) {
    return Problem{
        fields.place(), {}, std::to_string(reader.remaining()) + " bytes behind the end of the " + std::string(title)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Problem> read_public_area(ByteView object, Place place, Part& out) {
  auto problem = read_structure(object, place, kMaxPublicBytes, "TPMT_PUBLIC", read_public, name_public_area, out);
  if (problem) return problem;
  const auto area = parse_public(object.subspan(place.at, place.size));
  if (!area) return Problem{place.at, {}, area.error().message};
  if (auto name = object_name(*area)) out.set(value_part("object_name", place.at, place.size, std::move(*name)));
  return std::nullopt;
}

std::optional<Problem> read_attest(ByteView object, Place place, Part& out) {
  return read_structure(object, place, kMaxAttestBytes, "TPMS_ATTEST", tpmwire::read_attest, name_attest, out);
}

std::optional<Problem> read_sized_attest(ByteView object, Place place, Part& out) {
  const ByteView bytes = object.subspan(place.at, place.size);
  if (const auto content = sized_content(bytes, kMaxAttestBytes); !content) {
    if (bytes.size() < 2) return Problem{place.at, "size", "a TPM2B_ATTEST begins with a size of 2 bytes"};
    const size_t size = size_t{bytes[0]} << 8 | bytes[1];
    return Problem{place.at, "size",
                   "the TPM2B_ATTEST says " + std::to_string(size) + " bytes, " + std::to_string(bytes.size() - 2) +
                       " follow; the most is " + std::to_string(kMaxAttestBytes)};
  }
  return read_attest(object, {place.at + 2, place.size - 2}, out);
}

std::optional<Problem> read_tpm_signature(ByteView object, Place place, Part& out) {
  return read_structure(object, place, kMaxSignatureBytes, "TPMT_SIGNATURE", read_signature, name_signature, out);
}

}  // namespace openpcc::inspect
