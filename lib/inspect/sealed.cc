// Encapsulated keys, and the framing of sealed messages. Nothing is decrypted: whether a frame opens only its receiver
// knows.
#include "base/varint.h"
#include "crypto/key_pair.h"
#include "inspect/internal.h"
#include "inspect/schema.h"
#include "sealed/request.h"

namespace openpcc::inspect::internal {

using protobuf::Place;

namespace {

constexpr size_t kMaxChunksShown = 100'000;  // each costs memory beyond its bytes

struct HeaderField {
  std::string_view name;
  size_t at, size;
  uint64_t expected;
  std::string_view rule;
};
constexpr HeaderField kHeaderFields[] = {
    {"key_id", 0, 1, 0, "the key id must be 0"},
    {"kem_id", 1, 2, static_cast<uint64_t>(crypto::kOpenpccSuite.kem), "the KEM must be DHKEM(P-256), 0x0010"},
    {"kdf_id", 3, 2, static_cast<uint64_t>(crypto::kOpenpccSuite.kdf), "the KDF must be HKDF-SHA256, 0x0001"},
    {"aead_id", 5, 2, static_cast<uint64_t>(crypto::kOpenpccSuite.aead), "the AEAD must be AES-128-GCM, 0x0001"},
};

void add_bytes(Part& out, std::string_view name, ByteView object, size_t at, size_t size) {
  out.set(value_part(name, at, size, to_bytes(object.subspan(at, size))));
}

// The nonce in front. What is missing of it is a problem.
std::optional<Problem> read_nonce(Inspection& in, std::string_view name, size_t size) {
  const size_t there = std::min(size, in.object.size());
  add_bytes(in.root, name, in.object, 0, there);
  if (there == size) return std::nullopt;
  return Problem{there, std::string(name),
                 "ends after " + std::to_string(there) + " of its " + std::to_string(size) + " bytes"};
}

std::optional<Problem> read_unchunked(Inspection& in, std::string_view nonce, size_t nonce_size) {
  if (in.object.size() > sealed::kHardMaxSealed) return check_size(in, sealed::kHardMaxSealed, "a sealed message");
  if (auto problem = read_nonce(in, nonce, nonce_size)) return problem;
  const size_t left = in.object.size() - nonce_size;
  if (left < sealed::kTagSize) {
    return Problem{in.object.size(), "ciphertext",
                   "ends after " + std::to_string(left) + " bytes, fewer than the 16 of its tag"};
  }
  add_bytes(in.root, "ciphertext", in.object, nonce_size, left);
  in.root.set(value_part("plaintext_size", nonce_size, left, uint64_t{left - sealed::kTagSize}));
  return std::nullopt;
}

std::optional<Problem> read_chunked(Inspection& in, std::string_view nonce, size_t nonce_size) {
  if (auto problem = read_nonce(in, nonce, nonce_size)) return problem;
  size_t at = nonce_size;
  Part chunks = list_part("chunks", at, 0);
  uint64_t count = 0, plaintext = 0;
  std::optional<Part> final_chunk;
  const auto end = [&](std::optional<Problem> problem) {
    chunks.size = at - chunks.at;
    in.root.set(std::move(chunks));
    if (final_chunk) in.root.set(std::move(*final_chunk));
    in.root.set(value_part("chunk_count", nonce_size, at - nonce_size, count));
    in.root.set(value_part("plaintext_size", nonce_size, at - nonce_size, plaintext));
    return problem;
  };
  while (true) {
    const std::string name = element_name("chunks", static_cast<size_t>(count));
    const ByteView rest = in.object.subspan(at);
    const auto length = parse_varint(rest);
    if (!length) {
      return end(Problem{at, name,
                         rest.empty() ? "the bytes end without the final chunk: the message is cut off"
                                      : "the bytes end inside a chunk's length (RFC 9000 §16)"});
    }
    const size_t left = rest.size() - length->size;
    if (length->value == 0) {
      at += length->size;
      break;
    }
    if (!sealed::is_frame_size(length->value)) {
      return end(Problem{at, name, "a chunk has 16 to 530 bytes, this one says " + std::to_string(length->value)});
    }
    if (length->value > left) {
      return end(Problem{at, name,
                         "ends after " + std::to_string(left) + " of its " + std::to_string(length->value) +
                             " bytes: the message is cut off"});
    }
    const auto size = static_cast<size_t>(length->value);
    at += length->size;
    if (count < kMaxChunksShown) chunks.parts.push_back(value_part("", at, size, length->value));
    ++count;
    plaintext += size - sealed::kTagSize;
    at += size;
  }
  const size_t left = in.object.size() - at;
  if (left < sealed::kTagSize) {
    return end(Problem{in.object.size(), "final_chunk",
                       "ends after " + std::to_string(left) + " bytes, fewer than the 16 of its tag"});
  }
  if (left > sealed::kMaxChunkCiphertext) {
    return end(Problem{at + sealed::kMaxChunkCiphertext, "final_chunk",
                       "reaches to the end of the message, and has at most 530 bytes"});
  }
  final_chunk = value_part("final_chunk", at, left, uint64_t{left});
  plaintext += left - sealed::kTagSize;
  return end(std::nullopt);
}

}  // namespace

std::optional<Problem> read_key(ByteView object, Place place, Part& out) {
  std::optional<Problem> problem;
  for (const HeaderField& field : kHeaderFields) {
    if (field.at + field.size > place.size) break;
    const size_t at = place.at + field.at;
    uint64_t value = 0;
    for (const uint8_t byte : object.subspan(at, field.size)) value = value << 8 | byte;
    out.set(value_part(field.name, at, field.size, value));
    if (!problem && value != field.expected) {
      problem = Problem{at, std::string(field.name), std::string(field.rule) + " (RFC 9180 §7)"};
    }
  }
  if (problem) return problem;
  if (place.size != sealed::kEncapsulatedKeySize) {
    return Problem{place.at + std::min(place.size, sealed::kEncapsulatedKeySize),
                   {},
                   "an encapsulated key has 120 bytes (7 of header, 65 of the point, 48 of the sealed DEK), this one " +
                       std::to_string(place.size)};
  }
  const size_t enc = place.at + sealed::kHeaderSize;
  const size_t dek = enc + sealed::kEncSize;
  add_bytes(out, "enc", object, enc, sealed::kEncSize);
  add_bytes(out, "sealed_dek", object, dek, place.at + place.size - dek);
  if (!crypto::check_public_key(crypto::kOpenpccSuite.kem, object.subspan(enc, sealed::kEncSize))) {
    return Problem{enc, "enc", "must be an uncompressed point on P-256 (RFC 9180 §7.1.4)"};
  }
  return std::nullopt;
}

std::optional<Problem> read_encapsulated_key(Inspection& in) {
  return read_key(in.object, in.whole(), in.root);
}

void look_into_routing_info(Inspection& in) {
  Part& list = *in.root.find("candidates");
  for (size_t i = 0; i < list.parts.size(); ++i) {
    const Part& key = *list.parts[i].find("encapsulated_key");
    const Place place{key.at, key.size};
    Part content = object_part("encapsulated_key_content", place.at, place.size);
    auto problem = read_key(in.object, place, content);
    const Status known = sealed::check_encapsulated_key(in.object.subspan(place.at, place.size));
    if (known.has_value() == problem.has_value()) in.disagreement = true;
    if (problem) {
      in.problems.push_back(within(element_name("candidates", i) + ".encapsulated_key", std::move(*problem)));
    }
    list.parts[i].set(std::move(content));
  }
}

std::optional<Problem> read_sealed_request(Inspection& in) {
  return read_unchunked(in, "nonce", sealed::kNonceSize);
}

std::optional<Problem> read_sealed_response(Inspection& in) {
  return read_unchunked(in, "response_nonce", sealed::kResponseNonceSize);
}

std::optional<Problem> read_chunked_request(Inspection& in) {
  return read_chunked(in, "base_nonce", sealed::kNonceSize);
}

std::optional<Problem> read_chunked_response(Inspection& in) {
  return read_chunked(in, "response_nonce", sealed::kResponseNonceSize);
}

}  // namespace openpcc::inspect::internal
