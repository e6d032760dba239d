#include <gtest/gtest.h>

#include <set>

#include "stub_client.h"

namespace openpcc::sdk {
namespace {

ClientResult<Summary> ask(const Client& client) {
  RecordedEvents events;
  return client.send(StubClient::prompt(), events);
}

TEST(NodeFinder, VerifiedNodesAreRememberedForAMinute) {
  StubClient stub;
  const Client client = stub.make();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(ask(client));
  EXPECT_EQ(stub.router.manifest_limits.size(), 1U);
  stub.time += std::chrono::seconds(59);
  ASSERT_TRUE(ask(client));
  EXPECT_EQ(stub.router.manifest_limits.size(), 1U);
  stub.time += std::chrono::seconds(1);
  ASSERT_TRUE(ask(client));
  EXPECT_EQ(stub.router.manifest_limits.size(), 2U);
}

TEST(NodeFinder, EachSetOfTagsIsRememberedOnItsOwn) {
  StubClient stub;
  stub.router.nodes[0].tags = {"llm", "model=test:stub", "x"};
  const Client client = stub.make();
  const auto ask_for = [&](std::vector<std::string> tags) {
    Request request = StubClient::prompt();
    request.tags = std::move(tags);
    RecordedEvents events;
    return client.send(request, events).has_value();
  };
  EXPECT_TRUE(ask_for({"model=test:stub", "x"}));
  EXPECT_TRUE(ask_for({"x", "model=test:stub"}));  // order does not matter
  EXPECT_EQ(stub.router.manifest_limits.size(), 1U);
  EXPECT_TRUE(ask_for({"model=test:stub"}));
  EXPECT_EQ(stub.router.manifest_limits.size(), 2U);
  EXPECT_FALSE(ask_for({"model=test:stub|x"}));  // one tag, not two
}

TEST(NodeFinder, TheLeastRecentlyUsedOfAHundredEntriesGoes) {
  StubClient stub;
  stub.router.nodes[0].tags = {"model=test:stub"};
  for (int i = 0; i <= 100; ++i) stub.router.nodes[0].tags.push_back("t" + std::to_string(i));
  const Client client = stub.make();
  const auto ask_for = [&](int i) {
    Request request = StubClient::prompt();
    request.tags = {"model=test:stub", "t" + std::to_string(i)};
    RecordedEvents events;
    ASSERT_TRUE(client.send(request, events));
  };
  for (int i = 0; i < 100; ++i) ask_for(i);
  ask_for(0);  // used again: number 1 is the oldest now
  EXPECT_EQ(stub.router.manifest_limits.size(), 100U);
  ask_for(100);
  ask_for(0);
  EXPECT_EQ(stub.router.manifest_limits.size(), 101U);
  ask_for(1);
  EXPECT_EQ(stub.router.manifest_limits.size(), 102U);
}

TEST(NodeFinder, CandidatesComeInRandomOrder) {
  StubClient stub;
  for (uint8_t i = 2; i <= 3; ++i) stub.router.nodes.push_back({StubRouter::make_id(i)});
  const Client client = stub.make();
  std::set<std::vector<std::string>> orders;
  for (int i = 0; i < 200; ++i) {
    RecordedEvents events;
    ASSERT_TRUE(client.send(StubClient::prompt(), events));
    orders.insert(events.sealed[0].candidates);
  }
  EXPECT_EQ(orders.size(), 6U);  // a miss of one order has a chance of 10^-15
}

TEST(NodeFinder, ANodeThatAnsweredBadlyIsFetchedAnew) {
  StubClient stub;
  const Client client = stub.make();
  ASSERT_TRUE(ask(client));
  stub.router.alter = [](StubReply& reply) { reply.body.back() ^= 1; };
  EXPECT_FALSE(ask(client));
  stub.router.alter = {};
  EXPECT_EQ(stub.router.manifest_limits.size(), 1U);
  EXPECT_TRUE(ask(client));
  EXPECT_EQ(stub.router.manifest_limits.size(), 2U);
}

TEST(NodeFinder, UnavailableNodesAreLookedForOnceMore) {
  StubClient stub;
  const Client client = stub.make();
  stub.router.unavailable = 1;
  ASSERT_TRUE(ask(client));
  EXPECT_EQ(stub.router.manifest_limits.size(), 2U);
  EXPECT_EQ(stub.router.candidate_counts.size(), 2U);
  stub.router.unavailable = 2;
  const auto summary = ask(client);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, "client.router_refused");
  EXPECT_EQ(summary.error().http_status, 404);
  EXPECT_EQ(stub.router.candidate_counts.size(), 4U);
}

TEST(NodeFinder, ARefusedNodeIsNamedWithItsReason) {
  StubClient stub;
  stub.router.nodes[0].faults.rek = [](tpmwire::PublicArea& area) { area.attributes |= tpmwire::kUserWithAuth; };
  const Client client = stub.make();
  const auto summary = ask(client);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().kind, Failure::kNoVerifiedNode);
  ASSERT_EQ(summary.error().nodes.size(), 1U);
  const NodeReport& node = summary.error().nodes[0];
  EXPECT_FALSE(node.verified);
  EXPECT_EQ(node.refusal_code, "verify.rek_attributes");
  EXPECT_EQ(node.id, stub.router.nodes[0].id.to_string());
  ASSERT_EQ(node.steps.size(), 9U);
  EXPECT_EQ(node.steps[6].outcome, StepOutcome::kFailed);
  EXPECT_TRUE(stub.router.candidate_counts.empty());  // nothing was sealed to it
}

TEST(NodeFinder, ARefusedNodeIsNotSealedTo) {
  StubClient stub;
  stub.router.nodes.push_back({StubRouter::make_id(2)});
  stub.router.nodes[0].alter_evidence = [](wire::SignedEvidenceList& list) { list.pop_back(); };
  const Client client = stub.make();
  RecordedEvents events;
  ASSERT_TRUE(client.send(StubClient::prompt(), events));
  EXPECT_EQ(events.nodes.size(), 2U);
  EXPECT_EQ(events.sealed[0].candidates, std::vector<std::string>{StubRouter::make_id(2).to_string()});
}

TEST(NodeFinder, LooksFurtherWhereTheFirstFewAreBad) {
  StubClient stub;
  stub.router.nodes[0].alter_evidence = [](wire::SignedEvidenceList& list) { list.pop_back(); };
  for (uint8_t i = 2; i <= 4; ++i) {
    stub.router.nodes.push_back({StubRouter::make_id(i)});
    if (i < 4) stub.router.nodes.back().alter_evidence = stub.router.nodes[0].alter_evidence;
  }
  const Client client = stub.make();
  ASSERT_TRUE(ask(client));
  EXPECT_EQ(stub.router.manifest_limits, (std::vector<int>{3, 100}));
}

TEST(NodeFinder, OneIdWithTwoKeysCountsOnce) {
  StubClient stub;
  stub.router.nodes.push_back({StubRouter::make_id(1)});
  stub.router.nodes[1].tpm = &verify::SoftwareTpmForTesting::other();
  const Client client = stub.make();
  RecordedEvents events;
  ASSERT_TRUE(client.send(StubClient::prompt(), events));
  EXPECT_EQ(events.sealed[0].candidates.size(), 1U);
  EXPECT_FALSE(events.nodes[1].verified);
}

TEST(NodeFinder, NoNodeAtAllIsSaidWithTheTags) {
  StubClient stub;
  stub.options.tags = {"llm", "model=other"};
  const Client client = stub.make();
  const auto summary = ask(client);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().kind, Failure::kNoVerifiedNode);
  EXPECT_NE(summary.error().message.find("model=other"), std::string::npos);
}

TEST(NodeFinder, DevelopmentEvidenceIsRefusedUnlessAskedFor) {
  StubClient stub;
  stub.options.dev_attestation.insecure_accept = false;
  const Client client = stub.make();
  const auto summary = ask(client);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().nodes.at(0).refusal_code, "verify.development_refused");
  StubClient other;
  other.options.dev_attestation.secret = "654321";
  EXPECT_EQ(ask(other.make()).error().nodes.at(0).refusal_code, "verify.bad_development_mac");
}

TEST(NodeFinder, PinnedPcrsAreCompared) {
  StubClient stub;
  stub.options.expected_pcrs[12].fill(13);
  EXPECT_TRUE(ask(stub.make()));
  stub.options.expected_pcrs[12].fill(14);
  EXPECT_EQ(ask(stub.make()).error().nodes.at(0).refusal_code, "verify.pinned_pcr");
}

TEST(NodeFinder, ListsEveryNodeWithItsSteps) {
  StubClient stub;
  stub.router.nodes.push_back({StubRouter::make_id(2)});
  stub.router.nodes[1].faults.quote_bytes = [](Bytes& bytes) { bytes[0] ^= 1; };
  const Client client = stub.make();
  const auto nodes = client.nodes();
  ASSERT_TRUE(nodes);
  ASSERT_EQ(nodes->size(), 2U);
  EXPECT_TRUE((*nodes)[0].verified);
  EXPECT_TRUE((*nodes)[0].insecure_development);
  EXPECT_EQ((*nodes)[0].pcr_values.at(12), to_hex(Bytes(32, 13)));
  EXPECT_EQ((*nodes)[1].refusal_code, "verify.quote_magic");
  EXPECT_FALSE(client.nodes(0));
  EXPECT_FALSE(client.nodes(501));
}

}  // namespace
}  // namespace openpcc::sdk
