// Each kind of message: what is shown of a good one, and byte, part and rule of a bad one.
#include <gtest/gtest.h>

#include "inspect/test_support.h"
#include "wire/badge.h"
#include "wire/currency.h"
#include "wire/node_event.h"
#include "wire/router.h"

namespace openpcc::inspect {
namespace {

constexpr std::string_view kId = "0197d3a1-7c1e-7abc-8def-0123456789ab";

// The part at "candidates.0.id".
const Part* part_at(const Part& root, std::string_view path) {
  const Part* part = &root;
  while (part != nullptr && !path.empty()) {
    const std::string_view step = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), step.size() + 1));
    if (part->shape == Shape::kList) {
      const auto index = static_cast<size_t>(std::stoul(std::string(step)));
      part = index < part->parts.size() ? &part->parts[index] : nullptr;
    } else {
      part = part->find(step);
    }
  }
  return part;
}

template <typename T>
T value_at(const Report& report, std::string_view path) {
  const Part* const part = part_at(report.root, path);
  if (part == nullptr || !std::holds_alternative<T>(part->value)) {
    ADD_FAILURE() << "no such value at " << path;
    return {};
  }
  return std::get<T>(part->value);
}

Tags tags(const std::vector<std::string>& list) {
  return *Tags::from(list);
}

wire::ComputeRequestInfo two_candidates() {
  return {{{*UuidV7::parse(kId), Bytes(120, 1)}, {*UuidV7::parse(kId), Bytes(120, 2)}}};
}

struct Fault {
  const char* name;
  Kind kind;
  Bytes bytes;
  size_t at;
  const char* part;
  const char* rule;  // a piece of it
};

void expect_fault(const Fault& fault) {
  SCOPED_TRACE(fault.name);
  const Report report = inspect(fault.kind, fault.bytes, {.contents = false});
  ASSERT_EQ(report.problems.size(), 1U);
  EXPECT_TRUE(report.form_refused);
  EXPECT_EQ(report.problems[0].at, fault.at);
  EXPECT_EQ(report.problems[0].part, fault.part);
  EXPECT_NE(report.problems[0].rule.find(fault.rule), std::string::npos) << report.problems[0].rule;
  EXPECT_EQ(fault_of(report, fault.bytes.size()), "");
}

Bytes hex(std::string text) {
  std::erase(text, ' ');
  return *from_hex(text);
}

const std::string kIdHex = to_hex(as_bytes(kId));

TEST(Messages, RoutingInfo) {
  const Bytes bytes = *wire::encode(two_candidates());
  const Report report = inspect(Kind::kRoutingInfo, bytes, {.contents = false});
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(value_at<std::string>(report, "candidates.0.id"), kId);
  EXPECT_EQ(value_at<Bytes>(report, "candidates.1.encapsulated_key"), Bytes(120, 2));
  const Part& key = *part_at(report.root, "candidates.0.encapsulated_key");
  EXPECT_EQ(key.at, 43U);  // 0a a0 01, 0a 24, the id's 36 bytes, 22 78
  EXPECT_EQ(key.size, 120U);

  Bytes bad_id = bytes;
  bad_id[5 + 14] = '4';  // the version digit
  expect_fault({"another version of UUID", Kind::kRoutingInfo, bad_id, 5, "candidates[0].id", "UUIDv7"});
  expect_fault({"cut inside a key", Kind::kRoutingInfo, Bytes(bytes.begin(), bytes.begin() + 60), 0, "",
                "field 1 (candidates) ends after 57 of its 160 bytes"});
  expect_fault({"a key that ends after the candidate", Kind::kRoutingInfo, hex("0a28 0a24" + kIdHex + "2278"), 40,
                "candidates[0]", "field 4 (encapsulated_key) ends after 0 of its 120 bytes"});
  expect_fault({"no candidate", Kind::kRoutingInfo, {}, 0, "candidates", "missing"});
  expect_fault({"an empty key", Kind::kRoutingInfo, hex("0a28 0a24" + kIdHex + "2200"), 42,
                "candidates[0].encapsulated_key", "empty"});
  expect_fault({"a key of 385 bytes", Kind::kRoutingInfo, concat({hex("0aaa03 0a24" + kIdHex + "228103"), Bytes(385)}),
                44, "candidates[0].encapsulated_key", "384"});
}

TEST(Messages, TheKeysOfRoutingInfoAreLookedInto) {
  const Bytes bytes = *wire::encode(two_candidates());
  const Report report = inspect(Kind::kRoutingInfo, bytes);
  EXPECT_FALSE(report.form_refused);
  ASSERT_EQ(report.problems.size(), 2U);
  EXPECT_EQ(report.problems[1].part, "candidates[1].encapsulated_key.key_id");
  EXPECT_EQ(report.problems[1].at, 163U + 43U);
  EXPECT_EQ(fault_of(report, bytes.size()), "");
}

TEST(Messages, Manifests) {
  const wire::ComputeManifest manifest{
      *UuidV7::parse(kId), tags({"llm", "x"}), {{wire::EvidenceType::kSevSnpReport, {1}, {2}}}};
  const Bytes bytes = *wire::encode(wire::ComputeManifestList{manifest, manifest});
  const Report report = inspect(Kind::kManifests, bytes);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(value_at<std::string>(report, "items.1.tags.1"), "x");
  EXPECT_EQ(value_at<std::string>(report, "items.0.evidence.items.0.type_name"), "SEV-SNP report");
  EXPECT_TRUE(inspect(Kind::kManifests, {}).problems.empty()) << "an empty list is one";

  expect_fault({"no tag", Kind::kManifests, hex("0a26 0a24" + kIdHex), 2, "items[0].tags", "at least one"});
  expect_fault({"a tag that is no UTF-8", Kind::kManifests, hex("0a29 0a24" + kIdHex + "1201ff"), 42,
                "items[0].tags[0]", "UTF-8"});
  expect_fault({"no id", Kind::kManifests, hex("0a03 120161"), 2, "items[0].id", "missing"});
  Bytes many;
  for (int i = 0; i < 501; ++i) append(many, hex("0a29 0a24" + kIdHex + "120161"));
  expect_fault({"501 manifests", Kind::kManifests, many, 500 * 43, "", "more than 500 elements"});
  Bytes pieces;
  for (int i = 0; i < 65; ++i) append(pieces, hex("0a00"));
  const Bytes head = hex("0aae01 0a24" + kIdHex + "120161 1a8201");
  expect_fault({"65 pieces of evidence", Kind::kManifests, concat({head, pieces}), head.size() + 64 * 2 + 2,
                "items[0].evidence.items", "64 pieces"});
}

TEST(Messages, ManifestRequest) {
  const Bytes bytes = *wire::encode(wire::ComputeManifestRequest{tags({"llm"}), 3});
  EXPECT_EQ(value_at<int64_t>(inspect(Kind::kManifestRequest, bytes), "limit"), 3);
  expect_fault({"limit 501", Kind::kManifestRequest, hex("0a016110f503"), 4, "limit", "0 to 500"});
  expect_fault({"a negative limit", Kind::kManifestRequest, hex("10ffffffffffffffffff01"), 1, "limit", "0 to 500"});
}

TEST(Messages, NodeEvents) {
  wire::NodeEvent event{*UuidV7::parse(kId), 7, {1750000000, 5}, wire::Shutdown{}};
  const Report shutdown = inspect(Kind::kNodeEvent, *wire::encode(event));
  EXPECT_TRUE(shutdown.problems.empty());
  EXPECT_EQ(value_at<std::string>(shutdown, "timestamp.utc"), "2025-06-15T15:06:40Z");
  EXPECT_EQ(value_at<int64_t>(shutdown, "event_index"), 7);

  event.payload = wire::RoutingInfo{"http://a/", "http://a/_health", tags({"llm"}), wire::SignedEvidenceList{}};
  const Bytes heartbeat = *wire::encode(event);
  const Report report = inspect(Kind::kNodeEvent, heartbeat);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(value_at<std::string>(report, "heartbeat.routing_info.url"), "http://a/");
  const Part& url = *part_at(report.root, "heartbeat.routing_info.url");
  Bytes relative = heartbeat;
  relative[url.at + 4] = '/';
  expect_fault({"a relative URL", Kind::kNodeEvent, relative, url.at, "heartbeat.routing_info.url", "scheme"});
  expect_fault({"no time", Kind::kNodeEvent, hex("0a24" + kIdHex), 0, "timestamp", "missing"});
  expect_fault({"no payload", Kind::kNodeEvent, hex("0a24" + kIdHex + "1a00"), 0, "", "neither"});
}

TEST(Messages, CurrencyAndCredit) {
  EXPECT_EQ(value_at<int64_t>(inspect(Kind::kCurrency, wire::encode(*wire::Currency::from_amount(1024))), "amount"),
            1024);
  EXPECT_EQ(value_at<std::string>(inspect(Kind::kCurrency, wire::encode(*wire::Currency::special(0))), "special"),
            "pays for a manifests query, is no amount");
  expect_fault({"one byte", Kind::kCurrency, hex("0a0100"), 2, "currency", "fewer than 2"});
  expect_fault({"an unknown bit", Kind::kCurrency, hex("0a020400"), 2, "currency", "unknown bits"});

  const Bytes bytes = *wire::encode(wire::Credit{*wire::Currency::from_amount(16), {3600, {1, 2}}, Bytes(256, 9)});
  const Report credit = inspect(Kind::kCredit, bytes);
  EXPECT_TRUE(credit.problems.empty());
  EXPECT_EQ(value_at<int64_t>(credit, "value.amount"), 16);
  EXPECT_EQ(value_at<std::string>(credit, "nonce.timestamp.utc"), "1970-01-01T01:00:00Z");
  expect_fault(
      {"a nonce of one byte", Kind::kCredit, hex("0a040a020010 12050a00120101 1a0101"), 12, "nonce.nonce", "16 bytes"});
  expect_fault({"no signature", Kind::kCredit, concat({hex("0a040a020010 12140a001210"), Bytes(16)}), 0, "signature",
                "missing"});
}

TEST(Messages, BadgeAndErrorBody) {
  const Bytes bytes = *wire::encode(wire::Badge{{{"b", "a"}}, Bytes(64, 1)});
  const Report badge = inspect(Kind::kBadge, bytes);
  EXPECT_TRUE(badge.problems.empty());
  EXPECT_EQ(value_at<std::string>(badge, "credentials.model_names.0"), "a");
  expect_fault({"models out of order", Kind::kBadge, hex("0a0c0a0a 0100000062 0100000061"), 13, "credentials.models[1]",
                "ascending"});
  expect_fault(
      {"a big-endian length", Kind::kBadge, hex("0a070a05 0000000161"), 4, "credentials.models[0]", "little-endian"});
  expect_fault({"an empty name", Kind::kBadge, hex("0a060a04 00000000"), 8, "credentials.models[0]", "not empty"});

  EXPECT_EQ(value_at<std::string>(inspect(Kind::kErrorBody, wire::encode(wire::ErrorBody{"no"})), "message"), "no");
  expect_fault({"no UTF-8", Kind::kErrorBody, hex("0a01ff"), 2, "message", "UTF-8"});
  expect_fault({"more than a client reads", Kind::kErrorBody, Bytes(4097, 0x0a), 4096, "", "4096"});
}

TEST(Messages, UnknownFieldsAreShown) {
  const Report report = inspect(Kind::kCurrency, hex("0a020070 38ac02 1b1c"));
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(value_at<uint64_t>(report, "unknown_fields.0.number"), 7U);
  EXPECT_EQ(value_at<Bytes>(report, "unknown_fields.0.encoded"), hex("38ac02"));
  EXPECT_EQ(value_at<uint64_t>(report, "unknown_fields.1.wire_type"), 3U);
}

}  // namespace
}  // namespace openpcc::inspect
