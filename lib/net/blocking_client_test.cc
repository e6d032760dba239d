#include "net/blocking_client.h"

#include <gtest/gtest.h>

#include <thread>

#include "net/raw_peer_for_testing.h"

namespace openpcc::net {
namespace {

using namespace std::chrono_literals;

HttpRequest request_to(const RawServer& server, std::string method = "GET", std::string_view path = "/") {
  HttpRequest request;
  request.method = std::move(method);
  request.url = parse_url(server.url(path)).value();
  return request;
}

HttpClientOptions quick() {
  HttpClientOptions options;
  options.connect_timeout = 5s;
  options.head_timeout = 5s;
  options.idle_timeout = 5s;
  return options;
}

struct Canned {
  explicit Canned(std::string text, int count = 1)
      : answer(std::move(text)), server([this, count](RawPeer& peer) {
          for (int i = 0; i < count; ++i) {
            const std::string head = peer.read_until("\r\n\r\n");
            if (head.empty()) return;
            requests.push_back(head);
            peer.send(answer);
          }
        }) {}
  std::string answer;
  std::vector<std::string> requests;
  RawServer server;
};

TEST(BlockingClient, SendsAndCollects) {
  Canned canned("HTTP/1.1 418 X\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello");
  HttpRequest request = request_to(canned.server, "GET", "/a?b=c");
  request.fields = {{"X-Mine", "1"}, {"Host", "evil"}, {"Content-Length", "99"}};
  BlockingHttpClient client(quick());
  const auto got = client.fetch(request, 100);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->head.status, 418);
  EXPECT_EQ(field_or_empty(got->head.fields, "x-a"), "b");
  EXPECT_EQ(as_text(got->body), "hello");
  EXPECT_EQ(canned.requests.at(0),
            "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(canned.server.port()) + "\r\nX-Mine: 1\r\n\r\n");
}

TEST(BlockingClient, ChunksTrailersAndInterimResponses) {
  Canned canned(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
      "3\r\nabc\r\n3\r\ndef\r\n0\r\nX-T: v\r\n\r\n");
  BlockingHttpClient client(quick());
  std::string body;
  HttpCallbacks callbacks;
  callbacks.on_body = [&](ByteView piece) -> Status {
    body += as_text(piece);
    return {};
  };
  const auto got = client.send(request_to(canned.server), callbacks);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->head.status, 200);
  EXPECT_EQ(body, "abcdef");
  EXPECT_EQ(got->trailers, (Fields{{"X-T", "v"}}));
}

TEST(BlockingClient, AConnectionMadeAheadIsTheNextRequests) {
  Canned canned("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  BlockingHttpClient client(quick());
  ASSERT_TRUE(client.connect(request_to(canned.server).url).has_value());
  const auto limit = std::chrono::steady_clock::now() + 5s;
  while (canned.server.connections == 0 && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(canned.server.connections, 1) << "before any request";
  const auto got = client.fetch(request_to(canned.server), 100);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(as_text(got->body), "ok");
  EXPECT_EQ(canned.server.connections, 1);
}

TEST(BlockingClient, AConnectionMadeAheadIsNotUsedForAnotherOrigin) {
  Canned here("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere"),
      there("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere");
  {
    BlockingHttpClient client(quick());
    ASSERT_TRUE(client.connect(request_to(here.server).url).has_value());
    const auto got = client.fetch(request_to(there.server), 100);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(as_text(got->body), "there");
    const auto still = client.fetch(request_to(here.server), 100);
    ASSERT_TRUE(still) << still.error().message;
    EXPECT_EQ(as_text(still->body), "here");
  }
  EXPECT_EQ(here.server.connections, 1);
}

TEST(BlockingClient, AServerThatIsNotThereCannotBeConnectedTo) {
  Url nowhere;
  {
    const RawServer gone([](RawPeer&) {});
    nowhere = parse_url(gone.url()).value();
  }
  BlockingHttpClient client(quick());
  const auto connected = client.connect(nowhere);
  ASSERT_FALSE(connected.has_value());
  EXPECT_EQ(connected.error().code, kConnectFailed);
  Canned canned("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_TRUE(client.fetch(request_to(canned.server), 100).has_value()) << "and that is no harm";
}

TEST(BlockingClient, ACutAnywhereIsNeverACleanEnd) {
  for (const std::string whole :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n"}) {
    std::atomic<size_t> cut = 0;
    std::atomic<bool> reset = false;
    RawServer server([&](RawPeer& peer) {
      peer.read_until("\r\n\r\n");
      const bool hard = reset;  // now: once the client has its answer, this is about the next one
      peer.send(whole.substr(0, cut));
      if (hard) peer.reset();
    });
    BlockingHttpClient client(quick());
    for (cut = 0; cut < whole.size(); ++cut) {
      for (const bool hard : {false, true}) {
        reset = hard;
        const auto got = client.fetch(request_to(server), 100);
        ASSERT_FALSE(got) << cut;
        EXPECT_EQ(got.error().code, kCutOff) << cut << " " << got.error().message;
      }
    }
    reset = false;
    EXPECT_TRUE(client.fetch(request_to(server), 100));
  }
}

TEST(BlockingClient, SendsBodiesWholeAndInPieces) {
  std::string seen;
  std::string end = "END";
  RawServer server([&](RawPeer& peer) {
    seen = peer.read_until(end);
    peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");  // as it does
  });
  BlockingHttpClient client(quick());
  HttpRequest request = request_to(server, "POST");
  request.body = as_bytes("bodyEND");
  ASSERT_TRUE(client.fetch(request, 0));
  EXPECT_NE(seen.find("\r\nContent-Length: 7\r\n\r\nbodyEND"), std::string::npos) << seen;

  request.body = {};
  end = "0\r\n\r\n";
  int pieces = 0;
  request.next_piece = [&]() -> Result<Bytes> {
    ++pieces;
    return pieces == 1 ? to_bytes(as_bytes("first")) : pieces == 2 ? to_bytes(as_bytes("END")) : Bytes();
  };
  ASSERT_TRUE(client.fetch(request, 0));
  EXPECT_NE(seen.find("Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n3\r\nEND\r\n0\r\n\r\n"), std::string::npos)
      << seen;

  const std::string large = std::string(5'000'000, 'x') + "END";
  HttpRequest big = request_to(server, "POST");
  end = "END";
  big.body = as_bytes(large);
  ASSERT_TRUE(client.fetch(big, 0));
  EXPECT_TRUE(seen.ends_with("xEND"));
  EXPECT_GT(seen.size(), large.size());
}

TEST(BlockingClient, AnEarlyAnswerToALargeBodyIsRead) {
  RawServer server([](RawPeer& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    (void)peer.readable_within(100);
  });
  const std::string large(30'000'000, 'x');
  HttpRequest request = request_to(server, "POST");
  request.body = as_bytes(large);
  BlockingHttpClient client(quick());
  const auto got = client.fetch(request, 10);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->head.status, 413);
}

TEST(BlockingClient, AFailingSourceAbandonsTheRequest) {
  RawServer server([](RawPeer& peer) { peer.read_to_end(); });
  HttpRequest request = request_to(server, "POST");
  request.next_piece = []() -> Result<Bytes> { return fail({"test.source"}, "no more"); };
  BlockingHttpClient client(quick());
  EXPECT_EQ(client.fetch(request, 10).error().code.name, "test.source");
}

TEST(BlockingClient, AThrowingSourceOrCallbackEndsTheRequestAndNothingElse) {
  RawServer server([](RawPeer& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    peer.read_to_end();
  });
  HttpRequest request = request_to(server, "POST");
  request.next_piece = []() -> Result<Bytes> { throw std::runtime_error("secret"); };
  HttpClientOptions options;
  options.head_timeout = options.idle_timeout = 5s;
  BlockingHttpClient client(options);
  const auto source = client.fetch(request, 10);
  if (!source) {  // the answer may have come first
    EXPECT_EQ(source.error().code, kSystem);
    EXPECT_EQ(source.error().message.find("secret"), std::string::npos);
  }

  const std::string large(30'000'000, 'x');  // still being sent when the answer's head comes
  request.next_piece = nullptr;
  request.body = as_bytes(large);
  HttpCallbacks callbacks;
  callbacks.on_head = [](const ResponseHead&) -> Status { throw std::runtime_error("secret"); };
  const auto callback = client.send(request, callbacks);
  ASSERT_FALSE(callback);
  EXPECT_EQ(callback.error().code, kSystem);
  EXPECT_EQ(callback.error().message.find("secret"), std::string::npos);
  EXPECT_TRUE(client.fetch(request_to(server), 10)) << "the client is still of use";
}

TEST(BlockingClient, ABodyThatEndsWithTheConnectionIsRefused) {
  for (const char* answer : {"HTTP/1.1 200 OK\r\n\r\npart", "HTTP/1.0 200 OK\r\n\r\npart"}) {
    RawServer server([&](RawPeer& peer) {
      peer.read_until("\r\n\r\n");
      peer.send(answer);
    });
    BlockingHttpClient client(quick());
    EXPECT_EQ(client.fetch(request_to(server), 100).error().code, kBadHttp) << answer;
  }
}

TEST(BlockingClient, TooManyInterimResponsesEndTheConnection) {
  std::string interim;
  for (int i = 0; i < 16; ++i) interim += "HTTP/1.1 103 Early\r\n\r\n";
  RawServer server([&](RawPeer& peer) {
    while (!peer.read_until("\r\n\r\n").empty()) peer.send(interim);
  });
  BlockingHttpClient client(quick());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(client.fetch(request_to(server), 10).error().code, kBadHttp);
  EXPECT_EQ(server.connections, 2);
}

TEST(BlockingClient, CallbacksCanStop) {
  Canned canned("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
  BlockingHttpClient client(quick());
  HttpCallbacks callbacks;
  callbacks.on_head = [](const ResponseHead&) -> Status { return fail({"test.head"}, ""); };
  EXPECT_EQ(client.send(request_to(canned.server), callbacks).error().code.name, "test.head");
  callbacks.on_head = nullptr;
  callbacks.on_body = [](ByteView) -> Status { return fail({"test.body"}, ""); };
  EXPECT_EQ(client.send(request_to(canned.server), callbacks).error().code.name, "test.body");
  EXPECT_EQ(client.fetch(request_to(canned.server), 4).error().code, kTooLarge);
}

TEST(BlockingClient, KeepsConnectionsAndReplacesDeadOnes) {
  Canned canned("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 2);  // two answers a connection
  BlockingHttpClient client(quick());
  for (int i = 0; i < 6; ++i) {
    const auto got = client.fetch(request_to(canned.server), 10);
    ASSERT_TRUE(got) << i << got.error().message;
    std::this_thread::sleep_for(30ms);  // let the server's end arrive
  }
  EXPECT_EQ(canned.server.connections, 3);
}

TEST(BlockingClient, TimesOut) {
  for (const char* answer : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"}) {
    RawServer server([&](RawPeer& peer) {
      peer.read_until("\r\n\r\n");
      peer.send(answer);
      peer.read_to_end();
    });
    HttpClientOptions options;
    options.head_timeout = options.idle_timeout = 200ms;
    BlockingHttpClient client(options);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(client.fetch(request_to(server), 10).error().code, kTimeout);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
  }
}

TEST(BlockingClient, NoConnection) {
  uint16_t port = 0;
  {
    const RawServer server([](RawPeer&) {});
    port = server.port();
  }
  HttpClientOptions options;
  options.connect_timeout = 500ms;
  BlockingHttpClient client(options);
  HttpRequest request;
  request.url = parse_url("http://localhost:" + std::to_string(port)).value();
  EXPECT_EQ(client.fetch(request, 10).error().code, kConnectFailed);
  request.url = parse_url("http://no-such-host.invalid").value();
  const auto code = client.fetch(request, 10).error().code;
  EXPECT_TRUE(code == kConnectFailed || code == kTimeout) << code.name;
}

TEST(BlockingClient, CancelsFromAnotherThreadWhereverItIs) {
  for (const char* answer : {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"}) {
    RawServer server([&](RawPeer& peer) {
      peer.read_until("\r\n\r\n");
      peer.send(answer);
      peer.read_to_end();
    });
    HttpClientOptions options;
    BlockingHttpClient client(options);
    Cancellation cancel;
    std::thread other([&] {
      std::this_thread::sleep_for(50ms);
      cancel.cancel();
    });
    EXPECT_EQ(client.fetch(request_to(server), 10, &cancel).error().code, kCancelled);
    other.join();
    EXPECT_TRUE(cancel.cancelled());
    EXPECT_EQ(client.fetch(request_to(server), 10, &cancel).error().code, kCancelled) << "stays so";
    cancel.reset();
    EXPECT_FALSE(cancel.cancelled());
  }
}

TEST(BlockingClient, CancelsInATlsHandshake) {
  Cancellation cancel;
  RawServer server([&](RawPeer& peer) {
    EXPECT_TRUE(peer.readable_within(10'000));  // the client's hello
    cancel.cancel();
    peer.read_to_end();
  });
  HttpRequest request = request_to(server);
  request.url.https = true;
  BlockingHttpClient client{HttpClientOptions()};
  EXPECT_EQ(client.fetch(request, 10, &cancel).error().code, kCancelled);
}

TEST(BlockingClient, RefusesWhatIsNotHttp) {
  for (const char* answer :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"}) {
    Canned canned(answer);
    BlockingHttpClient client(quick());
    EXPECT_EQ(client.fetch(request_to(canned.server), 10).error().code, kBadHttp) << answer;
  }
  Canned large("HTTP/1.1 200 OK\r\nX: " + std::string(100000, 'x') + "\r\n\r\n");
  BlockingHttpClient client(quick());
  EXPECT_EQ(client.fetch(request_to(large.server), 10).error().code, kTooLarge);
}

TEST(BlockingClient, NeverSendsAFieldThatBreaksTheLine) {
  Canned canned("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  HttpRequest request = request_to(canned.server);
  request.fields = {{"X", "a\r\nInjected: b"}};
  BlockingHttpClient client(quick());
  EXPECT_EQ(client.fetch(request, 10).error().code, kBadField);
}

}  // namespace
}  // namespace openpcc::net
