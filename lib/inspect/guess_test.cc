#include <gtest/gtest.h>

#include <algorithm>

#include "bhttp/encoder.h"
#include "evidence/evidence.h"
#include "inspect/test_support.h"
#include "sealed/test_support.h"
#include "wire/badge.h"
#include "wire/currency.h"
#include "wire/node_event.h"
#include "wire/router.h"

namespace openpcc::inspect {
namespace {

const UuidV7 kId = *UuidV7::parse("0197d3a1-7c1e-7abc-8def-0123456789ab");

Bytes bytes_of(const Result<WipedBytes>& bytes) {
  return {bytes->begin(), bytes->end()};
}

std::vector<std::pair<Kind, Bytes>> one_of_each() {
  using namespace sealed;
  const Tags tags = *Tags::from({"llm", "model=x"});
  const auto pair = p256_pair_for_testing(0x11);
  RequestSealer sealer = fixed_request_sealer_for_testing(Mode::kChunked);
  const Bytes key = fixed_candidate_for_testing(sealer, pair.public_key()).encapsulated_key();
  Bytes chunked;
  EXPECT_TRUE(sealer.write(Bytes(100), chunked) && sealer.finish(chunked));
  const wire::SignedEvidenceList evidence{{wire::EvidenceType::kSevSnpReport, {1, 2}, {}}};
  return {
      {Kind::kManifests, *wire::encode(wire::ComputeManifestList{{kId, tags, evidence}})},
      {Kind::kManifestRequest, *wire::encode(wire::ComputeManifestRequest{tags, 0})},
      {Kind::kEvidence, wire::encode(evidence)},
      {Kind::kNodeEvent, *wire::encode(wire::NodeEvent{kId, 0, {1750000000, 0}, wire::Shutdown{}})},
      {Kind::kNodeEvent,
       *wire::encode(wire::NodeEvent{kId, 1, {1, 2}, wire::RoutingInfo{"http://a/", "http://a/h", tags, evidence}})},
      {Kind::kRoutingInfo, *wire::encode(wire::ComputeRequestInfo{{{kId, key}}})},
      {Kind::kEncapsulatedKey, key},
      {Kind::kBhttp, bytes_of(bhttp::encode_request({"GET", "https", "a", "/", {}}, {}, 514))},
      {Kind::kBhttp, bytes_of(bhttp::encode_response({200, {}}, as_bytes("hello")))},
      {Kind::kChunkedSealedRequest, chunked},
      {Kind::kCredit, *wire::encode(wire::Credit{*wire::Currency::from_amount(16), {3600, {1}}, Bytes(256, 9)})},
      {Kind::kCurrency, wire::encode(*wire::Currency::from_amount(262144))},
      {Kind::kBadge, *wire::encode(wire::Badge{{{"llama3.2:1b"}}, Bytes(64, 1)})},
      {Kind::kErrorBody, wire::encode(wire::ErrorBody{"invalid credit value"})},
  };
}

TEST(Guess, NamesEachKindAndNoOther) {
  for (const auto& [kind, bytes] : one_of_each()) {
    EXPECT_EQ(guess(bytes).fitting, std::vector{kind}) << name_of(kind);
  }
}

TEST(Guess, OfACutObjectItsKindIsAmongTheNearest) {
  for (const auto& [kind, bytes] : one_of_each()) {
    // Too short to say, without a sign of their own, or whole without the last byte (padding, an empty section).
    if (bytes.size() < 40 || kind == Kind::kChunkedSealedRequest || kind == Kind::kBhttp) continue;
    const Guess got = guess(ByteView(bytes).first(bytes.size() - 1));
    EXPECT_TRUE(got.fitting.empty()) << name_of(kind) << " taken for " << name_of(got.fitting.front());
    EXPECT_TRUE(std::ranges::find(got.nearest, kind) != got.nearest.end()) << name_of(kind);
    EXPECT_LE(got.nearest.size(), 2U) << name_of(kind);
  }
}

TEST(Guess, OfAnAlteredObjectItsKindIsTheNearest) {
  Bytes bytes = *wire::encode(wire::ComputeManifestList{{kId, *Tags::from({"llm"}), {}}});
  bytes[4 + 14] = '4';  // no longer a UUIDv7
  EXPECT_EQ(guess(bytes).nearest, std::vector{Kind::kManifests});
}

TEST(Guess, NothingAndNoiseAreOfNoKind) {
  EXPECT_TRUE(guess({}).fitting.empty());
  EXPECT_TRUE(guess({}).nearest.empty());
  const Guess noise = guess(as_bytes("hello, world"));
  EXPECT_TRUE(noise.fitting.empty());
}

TEST(Kinds, HaveNamesOfTheirOwn) {
  for (const Kind kind : all_kinds()) EXPECT_EQ(kind_named(name_of(kind)), kind);
  EXPECT_EQ(kind_named("application/confsec-chunked-res"), Kind::kChunkedSealedResponse);
  EXPECT_EQ(kind_named(""), std::nullopt);
  EXPECT_EQ(kind_named("manifest"), std::nullopt);
}

}  // namespace
}  // namespace openpcc::inspect
