#include "wire/router.h"

#include "wire/test_support.h"

namespace openpcc::wire {
namespace {

const Tags kTags = *Tags::from({"llm", "model=llama3.2:1b"});

TEST(ErrorBody, OfficialBytes) {
  EXPECT_EQ(to_hex(encode(ErrorBody{"invalid credit value"})), "0a14696e76616c6964206372656469742076616c7565");
  EXPECT_EQ(decode_error_body(encode(ErrorBody{"invalid credit value"}))->message, "invalid credit value");
  EXPECT_EQ(to_hex(encode(ErrorBody{})), "0a00");
  EXPECT_EQ(decode_error_body({})->message, "");
}

TEST(ErrorBody, RefusesWhatIsNoText) {
  EXPECT_EQ(decode_error_body(hex("0a01ff")).error().code, kMalformed);
  EXPECT_EQ(decode_error_body(hex("0a02ff")).error().code, kMalformed);
  EXPECT_EQ(decode_error_body(Bytes(limits::kErrorBody + 1)).error().code, kTooLarge);
  EXPECT_EQ(decode_error_body(encode(ErrorBody{"bad\xff"}))->message, "bad?");
}

TEST(ManifestRequest, OfficialBytes) {
  const std::string want = "0a036c6c6d0a116d6f64656c3d6c6c616d61332e323a31621003";
  EXPECT_EQ(to_hex(*encode(ComputeManifestRequest{kTags, 3})), want);
  EXPECT_EQ(*decode_manifest_request(hex(want)), (ComputeManifestRequest{kTags, 3}));
  EXPECT_EQ(to_hex(*encode(ComputeManifestRequest{})), "1000") << "a zero limit is written";
  EXPECT_EQ(*decode_manifest_request({}), ComputeManifestRequest{});
  expect_robust(
      hex(want), [](ByteView b) { return decode_manifest_request(b); },
      [](const ComputeManifestRequest& r) { return *encode(r); });
}

TEST(ManifestRequest, LimitsAndTags) {
  EXPECT_EQ(decode_manifest_request(hex("10f403"))->limit, 500);
  expect_faults({{"limit 501", "10f503", kInvalid},
                 {"limit -1", "10ffffffffffffffffff01", kInvalid},
                 {"tag of 513 bytes", "0a8104" + std::string(1026, '6'), kInvalid},
                 {"tag that is no text", "0a02c328", kMalformed},
                 {"too long", std::string(2 * (kMaxManifestRequestSize + 1), '0'), kTooLarge}},
                [](ByteView bytes) { return decode_manifest_request(bytes); });
  EXPECT_TRUE(decode_manifest_request(hex("0a8004" + std::string(1024, '6'))));
  EXPECT_EQ(encode(ComputeManifestRequest{{}, 501}).error().code, kUnencodable);
  EXPECT_EQ(encode(ComputeManifestRequest{{}, -1}).error().code, kUnencodable);
  EXPECT_EQ(decode_manifest_request(hex("0a036c6c6d0a036c6c6d"))->tags, *Tags::from({"llm"})) << "doubles collapse";
}

TEST(Manifest, RoundTripsAndWritesEmptyEvidence) {
  ComputeManifest manifest{test_id(), kTags, {}};
  const std::string head = "0a24" + test_id_hex() + "12036c6c6d12116d6f64656c3d6c6c616d61332e323a3162";
  EXPECT_EQ(to_hex(*encode(manifest)), head + "1a00");
  EXPECT_EQ(*decode_manifest(hex(head)), manifest) << "absent evidence is empty";
  manifest.evidence = {{EvidenceType::kTpmQuote, {1, 2}, {3}}, {EvidenceType::kTpmtPublic, {4}, {}}};
  EXPECT_EQ(*decode_manifest(*encode(manifest)), manifest);
  expect_robust(
      *encode(manifest), [](ByteView b) { return decode_manifest(b); },
      [](const ComputeManifest& m) { return *encode(m); });
  const ComputeManifestList list{manifest, {test_id(), *Tags::from({"x"}), {}}};
  EXPECT_EQ(*decode_manifest_list(*encode(list)), list);
  EXPECT_EQ(encode(ComputeManifestList{})->size(), 0U) << "no match is an empty body";
  EXPECT_EQ(*decode_manifest_list({}), ComputeManifestList{});
  EXPECT_EQ(encode(ComputeManifest{test_id(), {}, {}}).error().code, kUnencodable);
}

TEST(Manifest, RefusesWhatBreaksARule) {
  const std::string id = "0a24" + test_id_hex(), tag = "12036c6c6d";
  const std::string v4 = "0a24" + to_hex(as_bytes("0197d3a1-7c1e-4abc-8def-0123456789ab"));
  std::string pieces;
  for (size_t i = 0; i <= kMaxEvidencePieces; ++i) pieces += "0a00";
  const std::vector<Fault> faults{{"empty", "", kInvalid},
                                  {"no id", tag, kInvalid},
                                  {"an id of version 4", v4 + tag, kInvalid},
                                  {"an id that is cut", "0a03616263" + tag, kInvalid},
                                  {"no tag", id, kInvalid},
                                  {"a tag that is no text", id + "1201ff", kMalformed},
                                  {"evidence that is none", id + tag + "1a020a05", kMalformed},
                                  {"too many pieces", id + tag + "1a8201" + pieces, kTooLarge}};
  expect_faults(faults, [](ByteView bytes) { return decode_manifest(bytes); });
  expect_faults(
      {{"one bad among good", "0a2b" + id + tag + "0a0512036c6c6d", kInvalid}, {"cut", "0a2b" + id, kMalformed}},
      [](ByteView bytes) { return decode_manifest_list(bytes); });
  ASSERT_TRUE(decode_manifest_list(hex("0a2b" + id + tag)));
  Bytes many;
  for (int i = 0; i <= limits::kManifestLimit; ++i) append(many, hex("0a2b" + id + tag));
  EXPECT_EQ(decode_manifest_list(many).error().code, kTooLarge);
  std::string tags;
  for (size_t i = 0; i < limits::kTags; ++i) tags += tag;
  EXPECT_TRUE(decode_manifest(hex(id + tags)));
  EXPECT_EQ(decode_manifest(hex(id + tags + tag)).error().code, kTooLarge) << "1 MiB of tags takes 17 MiB of memory";
  EXPECT_TRUE(decode_manifest_list(ByteView(many).first(many.size() - 45)));
}

TEST(RequestInfo, OfficialBytes) {
  const ComputeRequestInfo info{{{test_id(), Bytes(120, 0x5a)}}};
  const std::string want = "0aa0010a24" + test_id_hex() + "2278" + to_hex(Bytes(120, 0x5a));
  EXPECT_EQ(to_hex(*encode(info)), want);
  EXPECT_EQ(encode(info)->size(), 163U);
  EXPECT_EQ(*decode_request_info(hex(want)), info);
  const ComputeRequestInfo twice{{info.candidates[0], info.candidates[0], {test_id(), {1}}}};
  EXPECT_EQ(*decode_request_info(*encode(twice)), twice);
  expect_robust(
      hex(want), [](ByteView b) { return decode_request_info(b); },
      [](const ComputeRequestInfo& i) { return *encode(i); });
}

TEST(RequestInfo, RefusesWhatBreaksARule) {
  const std::string id = "0a24" + test_id_hex();
  std::string many;
  for (size_t i = 0; i <= kMaxCandidates; ++i) many += "0a29" + id + "220101";
  expect_faults({{"no candidate", "", kInvalid},
                 {"empty candidate", "0a00", kInvalid},
                 {"no key", "0a26" + id, kInvalid},
                 {"empty key", "0a28" + id + "2200", kInvalid},
                 {"only the deprecated keys",
                  "0a2c" + id +
                      "120101"
                      "1a0101",
                  kInvalid},
                 {"no id", "0a03220101", kInvalid},
                 {"key longer than a node takes", "0aaa03" + id + "228103" + std::string(770, '0'), kInvalid},
                 {"too many", many, kTooLarge},
                 {"too long", std::string(2 * (kMaxRequestInfoSize + 1), '0'), kTooLarge},
                 {"cut", "0a29" + id, kMalformed}},
                [](ByteView bytes) { return decode_request_info(bytes); });
  ASSERT_TRUE(decode_request_info(hex("0a29" + id + "220101")));
  EXPECT_EQ(encode(ComputeRequestInfo{}).error().code, kUnencodable);
  EXPECT_EQ(encode(ComputeRequestInfo{{{test_id(), {}}}}).error().code, kUnencodable);
}

}  // namespace
}  // namespace openpcc::wire
