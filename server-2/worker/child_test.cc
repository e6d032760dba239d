#include "worker/child.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/base64.h"
#include "broker/protocol.h"
#include "crypto/signature.h"
#include "process/testing.h"
#include "wire/badge.h"
#include "worker/child_serving_testing.h"

namespace openpcc::worker {
namespace {

using namespace std::chrono_literals;

TEST(Child, AnswersOfKnownLengthAreWhole) {
  const auto answered = serve(seal_for_test(chat_head(), chat_body("hi", false)));
  EXPECT_EQ(answered.exit, 0);
  ASSERT_TRUE(answered.opened.has_value()) << answered.opened.error().message;
  EXPECT_EQ(*answered.header, (wire::OutputHeader{"application/confsec-res", 0}));
  EXPECT_EQ(answered.head.status, 200);
  EXPECT_EQ(answered.head.content_length, 21U);
  EXPECT_EQ(answered.content, "hello from the engine");
  ASSERT_TRUE(answered.footer);
  const auto left = answered.refund.value_or(wire::Currency()).amount();  // 262137, rounded to a neighbour
  EXPECT_TRUE(left == 262144 || left == 253952) << left.value_or(-1);
}

TEST(Child, StreamsAreSealedPieceByPiece) {
  const auto answered = serve(seal_for_test(chat_head(), chat_body("hi", true)));
  EXPECT_EQ(answered.exit, 0);
  ASSERT_TRUE(answered.opened.has_value()) << answered.opened.error().message;
  EXPECT_EQ(*answered.header, (wire::OutputHeader{"application/confsec-chunked-res", 532}));
  EXPECT_EQ(answered.content, "hello from the engine");
  EXPECT_GE(answered.frames, 21U) << "each write of the engine goes out by itself";
}

TEST(Child, LongAnswersOfKnownLengthAreStreamed) {
  const std::string large(3'000'000, 'x');
  const auto answered =
      serve(seal_for_test(chat_head(), chat_body("hi", false)),
            [&](const engine::Request&, engine::ResponseSink& sink) -> Result<std::optional<engine::Usage>> {
              OPENPCC_TRY_STATUS(sink.head(200, {}, large.size()));
              OPENPCC_TRY_STATUS(sink.content(as_bytes(large)));
              return std::nullopt;
            });
  ASSERT_TRUE(answered.opened.has_value()) << answered.opened.error().message;
  EXPECT_EQ(answered.content, large);
  EXPECT_TRUE(answered.footer);
  EXPECT_FALSE(answered.refund.has_value()) << "no counts, no refund";
}

TEST(Child, TooMuchIsRefusedInBothFramings) {
  const std::string large(10'000'000, 'a');
  expect_refused(serve(seal_for_test(chat_head(), large)), 400, "ErrBodyTooLarge");
  expect_refused(serve(seal_chunked_for_test(chat_head(), large)), 400, "ErrBodyTooLarge");
  const std::string just_over(limits::kRequestBody + 1, 'a');
  expect_refused(serve(seal_chunked_for_test(chat_head(), just_over)), 400, "ErrBodyTooLarge");
  expect_refused(serve(seal_for_test(chat_head(), just_over)), 400, "ErrBodyTooLarge");
}

TEST(Child, ABadgeIsDemandedWhereItsKeyIsConfigured) {
  const Bytes seed(32, 7);
  const Bytes key = crypto::ed25519_public_key(seed).value();
  expect_refused(serve(seal_for_test(chat_head(), chat_body("x", false)), say_hello, key), 400, "ErrBadgeInvalid");
  wire::Badge badge{.credentials = {.models = {"m"}}, .signature = {}};
  badge.signature = crypto::sign_ed25519(seed, wire::signed_bytes(badge).value()).value();
  auto head = chat_head();
  head.fields.push_back({"x-confsec-badge", to_base64(wire::encode(badge).value())});
  EXPECT_EQ(serve(seal_for_test(head, chat_body("x", false)), say_hello, key).content, "hello from the engine");
  badge.credentials.models = {"other"};
  badge.signature = crypto::sign_ed25519(seed, wire::signed_bytes(badge).value()).value();
  head = chat_head();
  head.fields.push_back({"x-confsec-badge", to_base64(wire::encode(badge).value())});
  expect_refused(serve(seal_for_test(head, chat_body("x", false)), say_hello, key), 400, "ErrUnsupportedModel");
}

TEST(Child, WhatDoesNotOpenHereIsTheSendersFault) {
  const auto exit_of = [](auto change) {
    auto request = seal_for_test(chat_head(), chat_body("x", false));
    change(request);
    const auto answered = serve(request);
    EXPECT_FALSE(answered.header.has_value());
    return answered.exit;
  };
  EXPECT_EQ(exit_of([](SealedForTest& r) { r.head.encapsulated_key[100] ^= 1; }), kExitNotDecrypted);
  EXPECT_EQ(exit_of([](SealedForTest& r) { r.head.encapsulated_key[30] ^= 1; }), kExitNotDecrypted);
  EXPECT_EQ(exit_of([](SealedForTest& r) { r.head.encapsulated_key.pop_back(); }), kExitNotDecrypted);
  EXPECT_EQ(exit_of([](SealedForTest& r) { r.head.encapsulated_key.clear(); }), kExitNotDecrypted);
  EXPECT_EQ(exit_of([](SealedForTest& r) { r.head.media_type = "application/json"; }), kExitNotDecrypted);
  EXPECT_EQ(exit_of([](SealedForTest& r) { r.head.media_type = sealed::kChunkedRequestMediaType; }), kExitNotDecrypted);
  EXPECT_EQ(exit_of([](SealedForTest& r) { r.body[40] ^= 1; }), kExitNotDecrypted);
  EXPECT_EQ(exit_of([](SealedForTest& r) { r.body.pop_back(); }), kExitNotDecrypted);
  EXPECT_EQ(exit_of([](SealedForTest& r) { r.body.clear(); }), kExitNotDecrypted);
  EXPECT_EQ(exit_of([](SealedForTest& r) {
              r.head.rek_point = crypto::KeyPair::generate(crypto::Kem::kP256HkdfSha256)->public_key();
            }),
            kExitNotDecrypted);
}

TEST(Child, ABrokerThatDoesNotHelpIsTheNodesFault) {
  const auto request = seal_for_test(chat_head(), chat_body("x", false));
  const auto exit_with = [&](const BrokerPart& part) { return serve(request, say_hello, {}, part).exit; };
  const auto answer = [](uint8_t status) {
    return [status](int pair) {
      Bytes enc(65);
      (void)process::receive_exactly(pair, enc, process::within(5s));
      Bytes reply(33);
      reply[0] = status;
      (void)process::send_all(pair, reply, process::within(1s));
    };
  };
  EXPECT_EQ(exit_with([](int) {}), kExitFailed) << "closed at once";
  EXPECT_EQ(exit_with(answer(2)), kExitFailed);
  EXPECT_EQ(exit_with(answer(9)), kExitFailed);
  EXPECT_EQ(exit_with(answer(1)), kExitNotDecrypted) << "the point is the sender's";
}

TEST(Child, AnEngineThatFailsCutsTheStream) {
  const auto breaks = [](const engine::Request&, engine::ResponseSink& sink) -> Result<std::optional<engine::Usage>> {
    OPENPCC_TRY_STATUS(sink.head(200, {}, std::nullopt));
    OPENPCC_TRY_STATUS(sink.content(as_bytes("half an ans")));
    return fail(engine::kBroken, "out of order");
  };
  const auto answered = serve(seal_for_test(chat_head(), chat_body("x", true)), breaks);
  EXPECT_EQ(answered.exit, kExitFailed);
  EXPECT_EQ(answered.content, "half an ans");
  ASSERT_FALSE(answered.opened.has_value());
  EXPECT_EQ(answered.opened.error().code, sealed::kTruncated);
  EXPECT_FALSE(answered.footer);
}

TEST(Child, AnEngineThatMisbehavesNeverLooksWhole) {
  using Out = Result<std::optional<engine::Usage>>;
  const auto request = seal_for_test(chat_head(), chat_body("x", false));
  const auto whole = [&](LambdaEngine::Handle handle) {
    const auto answered = serve(request, std::move(handle));
    return answered.exit == 0 || answered.footer || (answered.header && answered.opened);
  };
  EXPECT_FALSE(whole([](const auto&, engine::ResponseSink&) -> Out { return std::nullopt; })) << "no head";
  EXPECT_FALSE(whole([](const auto&, engine::ResponseSink& sink) -> Out {
    OPENPCC_TRY_STATUS(sink.head(200, {}, 10));
    OPENPCC_TRY_STATUS(sink.content(as_bytes("short")));
    return std::nullopt;
  }));
  EXPECT_FALSE(whole([](const auto&, engine::ResponseSink& sink) -> Out {
    OPENPCC_TRY_STATUS(sink.head(200, {}, 3));
    (void)sink.content(as_bytes("long"));
    return std::nullopt;
  }));
  EXPECT_FALSE(whole([](const auto&, engine::ResponseSink& sink) -> Out {
    OPENPCC_TRY_STATUS(sink.content(as_bytes("early")));
    return std::nullopt;
  }));
  EXPECT_FALSE(whole([](const auto&, engine::ResponseSink&) -> Out { throw std::runtime_error("secret"); }));
}

TEST(Child, AReaderThatIsGoneEndsIt) {
  auto router = process::socket_pair(), broker = process::socket_pair();
  const auto request = seal_for_test(chat_head(), chat_body("x", true));
  const auto forever = [](const engine::Request&, engine::ResponseSink& sink) -> Result<std::optional<engine::Usage>> {
    OPENPCC_TRY_STATUS(sink.head(200, {}, std::nullopt));
    while (true) OPENPCC_TRY_STATUS(sink.content(as_bytes("more ")));
  };
  const pid_t child = ::fork();
  if (child == 0) {
    const int keep[] = {router->second.get(), broker->second.get()};
    if (!process::close_all_but(keep)) ::_exit(99);
    LambdaEngine engine(forever);
    const ChildOptions options{
        .models = {"m"}, .badge_key = {}, .engine = &engine, .noop = &engine, .ask_broker = [](int fd, ByteView enc) {
          return broker::zgen_over(fd, enc);
        }};
    ::_exit(serve_one_request(options, {std::move(router->second), std::move(broker->second), {}}));
  }
  router->second.reset();
  std::thread broker_thread([&] { answer_as_broker(broker->first.get()); });
  send_request(router->first.get(), request);
  broker_thread.join();
  char byte = 0;
  EXPECT_TRUE(process::receive_exactly(router->first.get(), {reinterpret_cast<uint8_t*>(&byte), 1}, process::within(5s))
                  .has_value());
  router->first.reset();
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), kExitFailed);
}

TEST(Child, WithAFlushIntervalTokensGoOutTogether) {
  const auto stream = [](const engine::Request&, engine::ResponseSink& sink) -> Result<std::optional<engine::Usage>> {
    OPENPCC_TRY_STATUS(sink.head(200, {}, std::nullopt));
    for (int i = 0; i < 60; ++i) {
      OPENPCC_TRY_STATUS(sink.content(as_bytes("token " + std::to_string(i) + "\n")));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return engine::Usage{.input_tokens = 1, .output_tokens = 60};
  };
  const auto request = seal_for_test(chat_head(), chat_body("x", true));
  const auto at_once = serve(request, stream);
  const auto grouped = serve(request, stream, {}, answer_as_broker, std::chrono::milliseconds(100));
  for (const Answered* answered : {&at_once, &grouped}) {
    EXPECT_EQ(answered->exit, 0);
    ASSERT_TRUE(answered->opened.has_value()) << answered->opened.error().message;
    EXPECT_TRUE(answered->footer);
  }
  EXPECT_EQ(grouped.content, at_once.content);
  EXPECT_GE(at_once.frames, 60U);
  EXPECT_LE(grouped.frames, 20U) << "300 ms are three or four intervals";
}

TEST(Child, PaddedLinesAreAllOfOneSealedSize) {
  const auto stream = [](const engine::Request&, engine::ResponseSink& sink) -> Result<std::optional<engine::Usage>> {
    OPENPCC_TRY_STATUS(sink.head(200, {}, std::nullopt));
    for (const size_t size : {1, 7, 100, 480}) {
      OPENPCC_TRY_STATUS(sink.content(as_bytes("data: {\"token\":\"" + std::string(size, 't') + "\"}\n\n")));
    }
    OPENPCC_TRY_STATUS(sink.content(as_bytes("data: [DONE]\n\n")));
    return engine::Usage{.input_tokens = 1, .output_tokens = 4};
  };
  const auto request = seal_for_test(chat_head(), chat_body("x", true));
  const auto answered = serve(request, stream, {}, answer_as_broker, {}, true);
  ASSERT_TRUE(answered.opened.has_value()) << answered.opened.error().message;
  // The head; each token in one frame, of whatever length (the last needed all of it); the end marker and the final
  // frame.
  ASSERT_GE(answered.frame_sizes.size(), 6U);
  for (size_t i = 1; i <= 4; ++i) EXPECT_EQ(answered.frame_sizes[i], limits::kChunkOnWire) << i;
  std::istringstream lines(answered.content);
  size_t tokens = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("data: {")) continue;
    EXPECT_EQ(line.size() + 2, limits::kUserChunk);
    const std::string json = line.substr(6, line.find_last_not_of(' ') - 5);
    EXPECT_TRUE(json.ends_with("\"}")) << json;
    ++tokens;
  }
  EXPECT_EQ(tokens, 4U);
  EXPECT_TRUE(answered.content.ends_with("data: [DONE]\n\n"));
}

TEST(Child, AnswersOfKnownLengthAreNotPadded) {
  const auto whole = [](const engine::Request&, engine::ResponseSink& sink) -> Result<std::optional<engine::Usage>> {
    OPENPCC_TRY_STATUS(sink.head(200, {}, 9));
    OPENPCC_TRY_STATUS(sink.content(as_bytes("{\"a\":12}\n").first(9)));
    return engine::Usage{.input_tokens = 1, .output_tokens = 4};
  };
  const auto answered = serve(seal_for_test(chat_head(), chat_body("x", false)), whole, {}, answer_as_broker, {}, true);
  EXPECT_EQ(answered.content, "{\"a\":12}\n");
}

TEST(Child, ABrokenAnswerEndsItsFlusherToo) {
  const auto fail_late = [](const engine::Request&,
                            engine::ResponseSink& sink) -> Result<std::optional<engine::Usage>> {
    OPENPCC_TRY_STATUS(sink.head(200, {}, std::nullopt));
    OPENPCC_TRY_STATUS(sink.content(as_bytes("some")));
    return fail(engine::kBroken, "for the test");
  };
  const auto answered = serve(seal_for_test(chat_head(), chat_body("x", true)), fail_late, {}, answer_as_broker,
                              std::chrono::seconds(10));
  EXPECT_EQ(answered.exit, kExitFailed);
  EXPECT_FALSE(answered.opened.has_value());
}

}  // namespace
}  // namespace openpcc::worker
