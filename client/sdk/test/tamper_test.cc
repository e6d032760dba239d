// What can happen to a sealed answer between the node and the client: each is an error, and none looks whole.
#include <gtest/gtest.h>

#include "stub_client.h"

namespace openpcc::sdk {
namespace {

using Parts = std::vector<Bytes>;  // nonce, frames, final frame

Bytes join(const Parts& parts) {
  Bytes bytes;
  for (const auto& part : parts) append(bytes, part);
  return bytes;
}

struct Outcome {
  bool answered = false;
  std::string code;
  Failure kind = Failure::kRequest;
  std::string body;  // what was handed on before
  bool refund = false;
};

// A fresh client asks; `alter` is done to the reply.
Outcome ask(const std::function<void(StubReply&)>& alter, size_t piece = 64, bool chunked = true) {
  StubClient stub;
  stub.router.answer.chunked = chunked;
  stub.router.trailers = {{"X-Refund", "UmVmdW5k"}};
  stub.router.alter = alter;
  const Client client = stub.make();
  stub.transport->piece = piece;
  RecordedEvents events;
  const auto summary = client.send(StubClient::prompt(), events);
  if (summary) return {true, {}, {}, events.body, summary->refund.has_value()};
  return {false, summary.error().code, summary.error().kind, events.body, false};
}

Outcome ask_with(const std::function<void(Parts&)>& alter, size_t piece = 64) {
  return ask(
      [&](StubReply& reply) {
        Parts parts = StubRouter::split(reply.body);
        alter(parts);
        reply.body = join(parts);
      },
      piece);
}

size_t frame_count() {
  size_t count = 0;
  EXPECT_TRUE(ask_with([&](Parts& parts) { count = parts.size(); }).answered);
  return count;
}

void expect_broken(const Outcome& outcome, const char* code) {
  EXPECT_FALSE(outcome.answered);
  EXPECT_EQ(outcome.kind, Failure::kBroken);
  EXPECT_EQ(outcome.code, code);
  EXPECT_FALSE(outcome.refund);
}

TEST(Tampering, TheUntouchedAnswerIsWhole) {
  const auto outcome = ask({});
  EXPECT_TRUE(outcome.answered);
  EXPECT_TRUE(outcome.refund);
  EXPECT_GE(frame_count(), 8U);
}

TEST(Tampering, CutAtEveryFrameBorderIsCut) {
  const size_t count = frame_count();
  for (size_t keep = 0; keep < count; ++keep) {
    SCOPED_TRACE(keep);
    expect_broken(ask_with([&](Parts& parts) { parts.resize(keep); }), "client.answer_cut");
  }
}

TEST(Tampering, CutAtEveryByteIsAnError) {
  size_t size = 0;
  EXPECT_TRUE(ask([&](StubReply& reply) { size = reply.body.size(); }).answered);
  for (size_t keep = 0; keep < size; ++keep) {
    const auto outcome = ask([&](StubReply& reply) { reply.body.resize(keep); });
    ASSERT_FALSE(outcome.answered) << keep;
    ASSERT_EQ(outcome.kind, Failure::kBroken) << keep;
  }
}

TEST(Tampering, FewerThanSixteenBytesAreCut) {
  for (size_t keep = 0; keep < 16; ++keep) {
    expect_broken(ask([&](StubReply& reply) { reply.body.resize(keep); }, 64, true), "client.answer_cut");
    expect_broken(ask([&](StubReply& reply) { reply.body.resize(keep); }, 64, false), "client.answer_cut");
  }
}

TEST(Tampering, AnyAlteredRepeatedDroppedInsertedOrExchangedFrameIsFound) {
  const size_t count = frame_count();
  for (const size_t piece : {1U, 10000U}) {
    for (size_t i = 0; i < count; ++i) {
      SCOPED_TRACE(i);
      const auto at = static_cast<std::ptrdiff_t>(i);
      expect_broken(ask_with([&](Parts& parts) { parts[i].back() ^= 1; }, piece), "client.answer_altered");
      if (i == 0) continue;  // the nonce is no frame
      if (i + 1 < count) {
        expect_broken(ask_with([&](Parts& parts) { parts.insert(parts.begin() + at, Bytes(parts[i])); }, piece),
                      "client.answer_altered");
        expect_broken(ask_with([&](Parts& parts) { parts.erase(parts.begin() + at); }, piece), "client.answer_altered");
        for (size_t j = i + 1; j + 1 < count; ++j) {
          expect_broken(ask_with([&](Parts& parts) { std::swap(parts[i], parts[j]); }, piece), "client.answer_altered");
        }
      }
      const Bytes garbage = {17, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
      expect_broken(ask_with([&](Parts& parts) { parts.insert(parts.begin() + at, garbage); }, piece),
                    "client.answer_altered");
    }
  }
}

TEST(Tampering, TheFinalFrameTwiceOrWithBytesBehindItIsFound) {
  expect_broken(ask_with([](Parts& parts) { parts.push_back(Bytes(parts.back())); }), "client.answer_altered");
  expect_broken(ask_with([](Parts& parts) { parts.back().push_back(0); }), "client.answer_altered");
  expect_broken(ask_with([](Parts& parts) { parts.back().resize(1); }), "client.answer_cut");
}

TEST(Tampering, AnUnchunkedAnswerOpensWholeOrNotAtAll) {
  size_t size = 0;
  EXPECT_TRUE(ask([&](StubReply& reply) { size = reply.body.size(); }, 64, false).answered);
  for (size_t i = 0; i < size; i += 13) {
    const auto flipped = ask([&](StubReply& reply) { reply.body[i] ^= 0x10; }, 64, false);
    expect_broken(flipped, "client.answer_altered");
    EXPECT_TRUE(flipped.body.empty());
    const auto cut = ask([&](StubReply& reply) { reply.body.resize(i); }, 64, false);
    EXPECT_FALSE(cut.answered);
    EXPECT_EQ(cut.kind, Failure::kBroken);
    EXPECT_TRUE(cut.body.empty());
  }
}

TEST(Tampering, EveryFlippedBitIsFound) {
  size_t size = 0;
  EXPECT_TRUE(ask([&](StubReply& reply) { size = reply.body.size(); }).answered);
  for (size_t i = 0; i < size; ++i) {
    const auto outcome = ask([&](StubReply& reply) { reply.body[i] ^= static_cast<uint8_t>(1U << (i % 8)); });
    ASSERT_FALSE(outcome.answered) << i;
    ASSERT_EQ(outcome.kind, Failure::kBroken) << i << " " << outcome.code;
  }
}

TEST(Tampering, WhatOpenedBeforeIsHandedOnAndNothingAfter) {
  const size_t count = frame_count();
  const std::string whole = ask({}).body;
  size_t before = 0;
  for (size_t i = 1; i < count; ++i) {
    const auto outcome = ask_with([&](Parts& parts) { parts[i].back() ^= 1; }, 1);
    EXPECT_TRUE(whole.starts_with(outcome.body)) << i;
    EXPECT_GE(outcome.body.size(), before) << i;
    before = outcome.body.size();
  }
  EXPECT_EQ(before, whole.size());  // all but the word that it was all
}

TEST(Tampering, ADeadConnectionIsCut) {
  for (const size_t after : {0U, 1U, 16U, 100U, 100000U}) {
    expect_broken(ask([&](StubReply& reply) { reply.cut_after = after; }), "client.answer_cut");
  }
}

TEST(Tampering, TheAnswerMustBeOfANodeThatWasAsked) {
  const auto with_id = [](const char* id) {
    return ask([id](StubReply& reply) {
      net::remove_field(reply.head.fields, "X-Node-ID");
      if (id != nullptr) reply.head.fields.push_back({"x-node-id", id});
    });
  };
  expect_broken(with_id(nullptr), "client.unknown_node");
  expect_broken(with_id(""), "client.unknown_node");
  expect_broken(with_id("01890000-0000-7000-8000-0000000000ff"), "client.unknown_node");
  expect_broken(with_id("no id"), "client.unknown_node");
  EXPECT_TRUE(with_id("01890000-0000-7000-8000-000000000001").answered);
}

TEST(Tampering, TheAnswerOfAnotherCandidateDoesNotOpen) {
  StubClient stub;
  stub.router.nodes.push_back({StubRouter::make_id(2)});
  stub.router.nodes[1].tpm = &verify::SoftwareTpmForTesting::other();
  stub.router.alter = [&](StubReply& reply) {
    const auto* id = net::find_field(reply.head.fields, "X-Node-ID");
    const bool first = *id == stub.router.nodes[0].id.to_string();
    net::set_field(reply.head.fields, "X-Node-ID", stub.router.nodes[first ? 1 : 0].id.to_string());
  };
  const Client client = stub.make();
  RecordedEvents events;
  const auto summary = client.send(StubClient::prompt(), events);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, "client.answer_altered");
  EXPECT_TRUE(events.body.empty());
}

TEST(Tampering, TheAnswerToAnotherRequestDoesNotOpen) {
  StubClient stub;
  const Client client = stub.make();
  Bytes first;
  stub.router.alter = [&](StubReply& reply) {
    if (first.empty()) first = reply.body;
    reply.body = first;
  };
  RecordedEvents events;
  EXPECT_TRUE(client.send(StubClient::prompt(), events));
  RecordedEvents replayed;
  const auto summary = client.send(StubClient::prompt(), replayed);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, "client.answer_altered");
  EXPECT_TRUE(replayed.body.empty());
}

TEST(Tampering, UnknownMediaTypesAreRefused) {
  for (const char* type : {"", "application/json", "application/confsec-req", "application/confsec-chunked-res; x=y",
                           "Application/confsec-chunked-res"}) {
    expect_broken(ask([&](StubReply& reply) { net::set_field(reply.head.fields, "Content-Type", type); }),
                  "client.unknown_media_type");
  }
  // The media type is bound into the key: the other one of ours does not open either.
  expect_broken(
      ask([](StubReply& reply) { net::set_field(reply.head.fields, "Content-Type", "application/confsec-res"); }),
      "client.answer_altered");
}

}  // namespace
}  // namespace openpcc::sdk
