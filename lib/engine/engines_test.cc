// The engines without a model of their own: noop and http.
#include <gtest/gtest.h>

#include "engine/counted_answer.h"
#include "engine/engine.h"
#include "engine/testing/scripted.h"
#include "net/raw_peer_for_testing.h"

namespace openpcc::engine {
namespace {

constexpr std::string_view kChat = R"({"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":9})";

TEST(Noop, GivesTheOfficialCannedAnswers) {
  const auto engine = make_noop({"m"});
  ASSERT_TRUE(engine->load());
  CollectingSink chat;
  Request request{kChatCompletionsPath, as_bytes("not even JSON")};
  request.exec = "noop";
  const auto usage = engine->handle(request, chat);
  ASSERT_TRUE(usage);
  EXPECT_EQ(**usage, (Usage{1, 4}));
  EXPECT_EQ(chat.field("content-type"), "application/x-ndjson");
  EXPECT_FALSE(chat.field("date").empty());
  const auto line = chat.stream().at(0);
  EXPECT_EQ(line["id"], "chatcmpl-noop");
  EXPECT_EQ(line["model"], "none");
  EXPECT_EQ(line["choices"][0]["message"]["content"], "noop");
  EXPECT_EQ(line["usage"]["total_tokens"], 5);

  CollectingSink ollama;
  request.path = kOllamaGeneratePath;
  ASSERT_TRUE(engine->handle(request, ollama));
  ASSERT_EQ(ollama.stream().size(), 2U);
  EXPECT_EQ(ollama.stream()[0]["response"], "noop");
  EXPECT_EQ(ollama.stream()[0]["done"], false);
  EXPECT_EQ(ollama.stream()[1]["done"], true);
  EXPECT_EQ(ollama.stream()[1]["done_reason"], "stop");
  EXPECT_EQ(ollama.stream()[1]["prompt_eval_count"], 1);
  EXPECT_EQ(ollama.stream()[1]["eval_count"], 4);
}

TEST(Noop, CannedAnswersAreCountedWhereTheOfficialWorkerFindsCounts) {
  const auto engine = make_noop({"m"});
  for (const auto& [path, found] : {std::pair(kChatCompletionsPath, true), std::pair(kCompletionsPath, false),
                                    std::pair(kOllamaChatPath, true), std::pair(kOllamaGeneratePath, true)}) {
    CollectingSink sink;
    const auto usage = engine->handle({.path = path, .body = {}, .exec = "noop"}, sink);
    ASSERT_TRUE(usage);
    EXPECT_EQ(usage->has_value(), found) << path;
    CountedAnswer counted(path);
    counted.feed(as_bytes(sink.body));
    EXPECT_EQ(counted.finish(), *usage) << path << ": as anybody would count it";
  }
}

TEST(Noop, AnswersLikeAModel) {
  const auto engine = make_noop({"m"});
  CollectingSink whole;
  ASSERT_TRUE(engine->handle({kChatCompletionsPath, as_bytes(kChat)}, whole));
  EXPECT_EQ(whole.json()["choices"][0]["message"]["content"], "noop");
  CollectingSink streamed;
  ASSERT_TRUE(engine->handle(
      {kChatCompletionsPath, as_bytes(R"({"model":"m","messages":[{"role":"user","content":"x"}],"stream":true})")},
      streamed));
  EXPECT_EQ(streamed.stream().size(), 6U);
  CollectingSink other;
  ASSERT_TRUE(engine->handle(
      {kChatCompletionsPath, as_bytes(R"({"model":"n","messages":[{"role":"user","content":"x"}]})")}, other));
  EXPECT_EQ(other.status, 404);
}

std::unique_ptr<Engine> engine_at(uint16_t port) {
  HttpConfig config;
  config.base_url = "http://127.0.0.1:" + std::to_string(port) + "/ignored?x=1";
  config.models = {"m"};
  config.timeout_seconds = 5;
  return make_http(config);
}

TEST(Http, SendsThreeFieldsAndPassesTheAnswerOn) {
  std::string seen;
  net::RawServer server([&](net::RawPeer& peer) {
    seen = peer.read_until("\"max_tokens\":9}");
    peer.send(
        "HTTP/1.1 201 Created\r\nContent-Type: text/event-stream\r\nX-Own: Yes\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
  });
  const auto engine = engine_at(server.port());
  ASSERT_TRUE(engine->load());
  CollectingSink sink;
  const auto usage = engine->handle({kChatCompletionsPath, as_bytes(kChat)}, sink);
  ASSERT_TRUE(usage) << usage.error().message;
  EXPECT_FALSE(*usage);
  EXPECT_EQ(sink.status, 201);
  EXPECT_EQ(sink.body, "hello world");
  EXPECT_EQ(sink.field("x-own"), "Yes");
  EXPECT_EQ(sink.field("transfer-encoding"), "");
  EXPECT_FALSE(sink.length);
  EXPECT_TRUE(seen.starts_with("POST /v1/chat/completions HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("Content-Type: application/json\r\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("Accept: application/json\r\n"), std::string::npos);
  EXPECT_NE(seen.find("Accept: application/x-ndjson\r\n"), std::string::npos);
}

TEST(Http, PassesAllFieldsOnButThoseOfTheFraming) {
  net::RawServer server([&](net::RawPeer& peer) {
    (void)peer.read_until("\"max_tokens\":9}");
    peer.send(
        "HTTP/1.1 200 OK\r\nServer: llm\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: close\r\n"
        "Trailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-T: 1\r\n\r\n");
  });
  const auto engine = engine_at(server.port());
  ASSERT_TRUE(engine->load());
  CollectingSink sink;
  ASSERT_TRUE(engine->handle({kChatCompletionsPath, as_bytes(kChat)}, sink));
  EXPECT_EQ(sink.fields,
            (bhttp::Fields{{"server", "llm"}, {"set-cookie", "a=1"}, {"set-cookie", "b=2"}, {"connection", "close"}}));
}

TEST(Http, CountsWhatTheAnswerSays) {
  net::RawServer server([&](net::RawPeer& peer) {
    (void)peer.read_until("\"max_tokens\":9}");
    const std::string body =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":8}}\n\ndata: [DONE]\n\n";
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  });
  const auto engine = engine_at(server.port());
  ASSERT_TRUE(engine->load());
  CollectingSink sink;
  const auto usage = engine->handle({kChatCompletionsPath, as_bytes(kChat)}, sink);
  ASSERT_TRUE(usage);
  EXPECT_EQ(*usage, std::optional(Usage{3, 8}));
}

TEST(Http, RedirectsAreAnswersLikeOthers) {
  net::RawServer server([&](net::RawPeer& peer) {
    (void)peer.read_until("\"max_tokens\":9}");
    peer.send("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  });
  const auto engine = engine_at(server.port());
  ASSERT_TRUE(engine->load());
  CollectingSink sink;
  ASSERT_TRUE(engine->handle({kChatCompletionsPath, as_bytes(kChat)}, sink));
  EXPECT_EQ(sink.status, 307);
  EXPECT_EQ(sink.field("location"), "http://127.0.0.1:1/");
}

TEST(Http, FailsWithoutAHeadWhenTheServerHangsUp) {
  net::RawServer server([](net::RawPeer& peer) { peer.close(); });
  const auto engine = engine_at(server.port());
  ASSERT_TRUE(engine->load());
  CollectingSink sink;
  EXPECT_FALSE(engine->handle({kChatCompletionsPath, as_bytes(kChat)}, sink));
  EXPECT_EQ(sink.calls, 0);
}

TEST(Http, KeepsTheLengthWhereItIsKnown) {
  net::RawServer server([&](net::RawPeer& peer) {
    (void)peer.read_until("\"max_tokens\":9}");
    peer.send("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}");
  });
  const auto engine = engine_at(server.port());
  ASSERT_TRUE(engine->load());
  CollectingSink sink;
  ASSERT_TRUE(engine->handle({kChatCompletionsPath, as_bytes(kChat)}, sink));
  EXPECT_EQ(sink.status, 404);
  EXPECT_EQ(sink.length, 2U);
  EXPECT_EQ(sink.field("content-length"), "");
}

TEST(Http, FailsWhenTheAnswerIsCut) {
  net::RawServer server([&](net::RawPeer& peer) {
    (void)peer.read_until("\"max_tokens\":9}");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  });
  const auto engine = engine_at(server.port());
  ASSERT_TRUE(engine->load());
  CollectingSink sink;
  EXPECT_FALSE(engine->handle({kChatCompletionsPath, as_bytes(kChat)}, sink));
}

TEST(Http, AStreamThatDoesNotSayThatItEndsIsBroken) {
  const std::string begun = "data: {\"choices\":[{\"delta\":{\"content\":\"half an\"}}]}\n\n";
  for (const auto& [type, body, whole] :
       {std::tuple("text/event-stream", begun, false),
        std::tuple("text/event-stream", begun + "data: [DONE]\n\n", true), std::tuple("text/plain", begun, true),
        std::tuple("application/json", std::string("{}"), true)}) {
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) +
                               "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    net::RawServer server([&](net::RawPeer& peer) {
      (void)peer.read_until("\"stream\":true}");
      peer.send(answer);
    });
    const auto engine = engine_at(server.port());
    ASSERT_TRUE(engine->load());
    CollectingSink sink;
    const auto got = engine->handle({kChatCompletionsPath, as_bytes(R"({"model":"m","stream":true})")}, sink);
    EXPECT_EQ(got.has_value(), whole) << type << ": " << body;
    EXPECT_EQ(sink.body, body) << "it has been passed on as it came";
    if (!got) {
      EXPECT_EQ(got.error().code, kBadUpstream);
    }
  }
}

TEST(Http, TakesServersOnThisMachineOnly) {
  for (const char* url : {"http://10.0.0.1:8000", "https://localhost", "http://example.com", "ftp://127.0.0.1", ""}) {
    HttpConfig config;
    config.base_url = url;
    EXPECT_FALSE(make_http(config)->load()) << url;
  }
  EXPECT_TRUE(make_http({})->load());
}

TEST(Engines, RefuseToAnswerBeforeTheyAreLoaded) {
  CollectingSink sink;
  const auto got = make_http({})->handle({kChatCompletionsPath, as_bytes(kChat)}, sink);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, kNotLoaded);
  EXPECT_EQ(sink.calls, 0);
}

#if !OPENPCC_LLAMA
TEST(Embedded, SaysThatThisBuildHasNone) {
  const auto engine = make_embedded({});
  const auto loaded = engine->load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, kUnavailable);
}
#endif

}  // namespace
}  // namespace openpcc::engine
