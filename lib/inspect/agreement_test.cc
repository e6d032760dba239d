// The verdict of an inspection is that of the real parser: for every file of the parsers' own fuzz corpora, whole, cut
// at every length, and with every byte changed in four ways.
#include <gtest/gtest.h>

#include <functional>

#include "bhttp/decoder.h"
#include "evidence/evidence.h"
#include "inspect/test_support.h"
#include "wire/badge.h"
#include "wire/currency.h"
#include "wire/node_event.h"
#include "wire/router.h"

namespace openpcc::inspect {
namespace {

using Accepts = std::function<bool(ByteView)>;

void expect_agreement(Kind kind, ByteView bytes, const Accepts& accepts, const std::string& what) {
  const Report report = inspect(kind, bytes, {.contents = false});
  ASSERT_EQ(report.problems.empty(), accepts(bytes))
      << what << (report.problems.empty() ? "" : report.problems[0].rule);
  ASSERT_EQ(fault_of(report, bytes.size()), "") << what;
}

void expect_agreement_on_all_of(Kind kind, const Bytes& bytes, const Accepts& accepts, const std::string& name) {
  for (size_t size = 0; size <= bytes.size(); ++size) {
    expect_agreement(kind, ByteView(bytes).first(size), accepts, name + " cut to " + std::to_string(size));
  }
  Bytes changed = bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const uint8_t mask : {uint8_t{0x01}, uint8_t{0x02}, uint8_t{0x80}, uint8_t{0xff}}) {
      changed[i] = static_cast<uint8_t>(bytes[i] ^ mask);
      expect_agreement(kind, changed, accepts, name + " changed at " + std::to_string(i));
    }
    changed[i] = bytes[i];
  }
}

TEST(Agreement, WithTheDecodersOfWireOnTheirCorpus) {
  struct Target {
    Kind kind;
    Accepts accepts;
  };
  // By the number that begins the files of lib/wire/corpus.
  const std::map<std::string, Target> targets = {
      {"00", {Kind::kCurrency, [](ByteView b) { return wire::decode_currency(b).has_value(); }}},
      {"01", {Kind::kCredit, [](ByteView b) { return wire::decode_credit(b).has_value(); }}},
      {"03", {Kind::kEvidence, [](ByteView b) { return wire::decode_evidence_list(b).has_value(); }}},
      {"07", {Kind::kErrorBody, [](ByteView b) { return wire::decode_error_body(b).has_value(); }}},
      {"08", {Kind::kManifestRequest, [](ByteView b) { return wire::decode_manifest_request(b).has_value(); }}},
      {"10", {Kind::kManifests, [](ByteView b) { return wire::decode_manifest_list(b).has_value(); }}},
      {"11", {Kind::kRoutingInfo, [](ByteView b) { return wire::decode_request_info(b).has_value(); }}},
      {"13", {Kind::kNodeEvent, [](ByteView b) { return wire::decode_node_event(b).has_value(); }}},
      {"14", {Kind::kBadge, [](ByteView b) { return wire::decode_badge(b).has_value(); }}},
  };
  size_t accepted = 0;
  for (const CorpusFile& file : read_corpus("../wire/corpus")) {
    const auto target = targets.find(file.name.substr(0, 2));
    if (target == targets.end()) continue;
    // The first byte of those files names the decoder. Every kind reads every file: most are wrong ones.
    const Bytes bytes(file.bytes.begin() + 1, file.bytes.end());
    accepted += target->second.accepts(bytes) ? 1 : 0;
    for (const auto& [number, other] : targets) {
      expect_agreement_on_all_of(other.kind, bytes, other.accepts,
                                 file.name + " as " + std::string(name_of(other.kind)));
    }
  }
  EXPECT_GE(accepted, 12U);
}

TEST(Agreement, WithTheEvidenceListOnItsCorpus) {
  const auto files = read_corpus("../evidence/corpus");
  ASSERT_FALSE(files.empty());
  for (const CorpusFile& file : files) {
    expect_agreement_on_all_of(
        Kind::kEvidence, file.bytes, [](ByteView b) { return evidence::decode(b).has_value(); }, file.name);
  }
}

TEST(Agreement, WithTheBinaryHttpDecoderOnItsCorpus) {
  const auto files = read_corpus("../bhttp/corpus");
  ASSERT_FALSE(files.empty());
  for (const CorpusFile& file : files) {
    expect_agreement_on_all_of(
        Kind::kBhttp, file.bytes,
        [](ByteView b) { return bhttp::decode_whole(bhttp::Kind::kAny, b, b.size()).has_value(); }, file.name);
  }
}

// Encodings that protobuf's own parser treats in a way of its own.
TEST(Agreement, WithProtobufOnUnusualEncodings) {
  const std::string deep_groups = [] {
    std::string hex;
    for (int i = 0; i < 100; ++i) hex += "1b";
    for (int i = 0; i < 100; ++i) hex += "1c";
    return hex;
  }();
  struct Case {
    const char* name;
    std::string hex;
    bool good;
  };
  const Case cases[] = {
      {"nothing", "", true},
      {"a tag of five bytes", "8a8080800003616263", true},
      {"a tag of five bytes with bits beyond 32", "8a8080807003616263", true},
      {"a tag of six bytes", "8a808080800003616263", false},
      {"a length of five bytes", "0a838080800061 6263", true},
      {"a length of six bytes", "0a83808080800061 6263", false},
      {"a length of more than 2 GiB", "0affffffff0f616263", false},
      {"field number 0", "0000", false},
      {"a field 0 of eight bytes", "010000000000000000", false},
      {"wire type 6", "0e", false},
      {"wire type 7", "0f", false},
      {"a known field of another wire type", "0805", true},
      {"an unknown varint of ten bytes", "10ffffffffffffffffff7f", true},
      {"an unknown varint of eleven bytes", "10ffffffffffffffffffff01", false},
      {"an unknown fixed64, cut", "1100000000000000", false},
      {"an unknown fixed64", "110000000000000000", true},
      {"an unknown fixed32, cut", "15000000", false},
      {"an unknown fixed32", "1500000000", true},
      {"an unknown group", "1b08051c", true},
      {"a group without an end", "1b0805", false},
      {"a group with another's end", "1b080524", false},
      {"an end without a group", "1c", false},
      {"an end of group 0", "04", false},
      {"groups nested 100 deep", deep_groups, true},
      {"groups nested 101 deep", "1b" + deep_groups + "1c", false},
      {"the last of two values counts, and is no UTF-8", "0a03616263 0a01ff", false},
      {"the last of two values counts, and is UTF-8", "0a01ff 0a03616263", true},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    std::string hex = test.hex;
    std::erase(hex, ' ');
    const Bytes bytes = *from_hex(hex);
    ASSERT_EQ(wire::decode_error_body(bytes).has_value(), test.good);
    expect_agreement_on_all_of(
        Kind::kErrorBody, bytes, [](ByteView b) { return wire::decode_error_body(b).has_value(); }, test.name);
  }
}

TEST(Agreement, WithProtobufOnMergedAndExchangedParts) {
  const std::string id = "0a24" + to_hex(as_bytes("0197d3a1-7c1e-7abc-8def-0123456789ab"));
  const std::string time = "1a020801";
  const std::string url = "22090a07" + to_hex(as_bytes("http://"));
  const std::string bad_url = "22030a01" + to_hex(as_bytes("x"));
  struct Case {
    const char* name;
    std::string hex;
    bool good;
  };
  const Case cases[] = {
      {"a heartbeat", id + time + url, true},
      {"the later URL counts", id + time + bad_url + url, true},
      {"the later URL counts, and is bad", id + time + url + bad_url, false},
      {"a shutdown after a bad heartbeat", id + time + bad_url + "2a00", true},
      {"a bad heartbeat after a shutdown", id + time + "2a00" + bad_url, false},
      {"an empty heartbeat", id + time + "2200", false},
      {"an empty heartbeat after a good one is merged with it", id + time + url + "2200", true},
      {"a shutdown between loses the first heartbeat", id + time + url + "2a00" + "2200", false},
      {"a time in two parts", id + time + "1a0210ff01" + "2a00", false},
      {"nanoseconds out of range", id + "1a0610ffffffff07" + "2a00", false},
      {"a negative index", id + "10ffffffffffffffffff01" + time + "2a00", false},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    const Bytes bytes = *from_hex(test.hex);
    ASSERT_EQ(wire::decode_node_event(bytes).has_value(), test.good);
    expect_agreement_on_all_of(
        Kind::kNodeEvent, bytes, [](ByteView b) { return wire::decode_node_event(b).has_value(); }, test.name);
  }
}

}  // namespace
}  // namespace openpcc::inspect
