#include "net/server.h"

#include <gtest/gtest.h>

#include "net/blocking_client.h"
#include "net/raw_peer_for_testing.h"

namespace openpcc::net {
namespace {

using namespace std::chrono_literals;

// What the tests' handler does is in the request's path.
class TestHandler final : public Handler {
 public:
  explicit TestHandler(Loop& loop) : loop_(loop) {}

  Task<void> handle(Exchange& exchange) override {
    const std::string path = exchange.request().target;
    if (path == "/echo") {
      co_await echo(exchange);
    } else if (path == "/whole") {
      const auto body = co_await exchange.read_all(10);
      Reply reply{200, "text/plain",
                  body ? "got " + std::to_string(body->size()) : std::string(body.error().code.name)};
      if (!body && body.error().code == kTooLarge) reply.status = 413;
      (void)co_await exchange.respond(reply);
    } else if (path == "/ignore") {
      const Reply reply{200, "", "ignored"};
      (void)co_await exchange.respond(reply);
    } else if (path == "/half") {
      (void)exchange.start(ok_, std::nullopt);
      (void)co_await exchange.write_piece(as_bytes("half"));
    } else if (path == "/short") {
      (void)exchange.start(ok_, 10);
      (void)co_await exchange.write_piece(as_bytes("short"));
      EXPECT_FALSE(co_await exchange.finish());
    } else if (path == "/throw") {
      throw std::runtime_error("a defect");
    } else if (path == "/slow" || path == "/read-slow") {
      if (path == "/read-slow") (void)co_await exchange.read_all(10);
      co_await sleep_for(loop_, 300ms);
      const Reply reply{200, "", "slow"};
      (void)co_await exchange.respond(reply);
    } else if (path == "/flood") {
      (void)exchange.start(ok_, std::nullopt);
      const Bytes piece(16384, 'x');
      while (co_await exchange.write_piece(piece)) flooded += piece.size();
      flood_ended = true;
    } else if (path == "/watch") {
      Event gone(loop_.io);
      exchange.watch_for_close([&] { gone.set(); });
      co_await gone.wait();
      noticed = true;
    }
  }

  static inline std::atomic<uint64_t> flooded = 0;
  static inline std::atomic<bool> flood_ended = false;
  static inline std::atomic<bool> noticed = false;

 private:
  Task<void> echo(Exchange& exchange) {
    auto piece = co_await exchange.read_piece();
    if (!piece) co_return;
    ResponseHead head{200, {}};
    head.fields.push_back({"Trailer", "X-Size"});
    (void)exchange.start(head, std::nullopt);
    size_t size = 0;
    while (piece && !piece->empty()) {
      size += piece->size();
      if (!co_await exchange.write_piece(*piece)) co_return;
      piece = co_await exchange.read_piece();
    }
    if (!piece) co_return;
    Fields trailers = exchange.trailers();
    trailers.insert(trailers.begin(), {"X-Size", std::to_string(size)});
    (void)co_await exchange.finish({}, trailers);
  }

  Loop& loop_;
  ResponseHead ok_{200, {}};
};

class ServerTest : public testing::Test {
 protected:
  void start(ServerOptions options = {}, unsigned threads = 2) {
    options.address = "127.0.0.1";
    loops_.emplace(threads);
    auto server = Server::listen(*loops_, options, [](Loop& loop) { return std::make_unique<TestHandler>(loop); });
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    loops_->start();
  }
  void TearDown() override {
    if (server_) server_->stop(2s);
    if (loops_) loops_->stop();
    server_.reset();
  }
  std::string talk(std::string_view request) {
    RawPeer peer = RawPeer::connect(server_->port());
    peer.send(request);
    return peer.read_to_end();
  }
  bool wait_for_connections(size_t count) {
    for (int i = 0; i < 500 && server_->connections() != count; ++i) std::this_thread::sleep_for(10ms);
    return server_->connections() == count;
  }

  std::optional<Loops> loops_;
  std::unique_ptr<Server> server_;
};

std::string get(std::string_view path, std::string_view fields = "Connection: close\r\n") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

TEST_F(ServerTest, AnswersWithLengthDateAndClose) {
  start();
  const std::string answer = talk(get("/ignore"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nDate: ")) << answer;
  EXPECT_NE(answer.find("\r\nContent-Length: 7\r\nConnection: close\r\n\r\nignored"), std::string::npos) << answer;
  const std::string head = talk("HEAD /ignore HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 7"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  const std::string old = talk("GET /half HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.find("chunked"), std::string::npos) << "not for HTTP/1.0";
}

TEST_F(ServerTest, StreamsBothWaysWithTrailers) {
  start();
  RawPeer peer = RawPeer::connect(server_->port());
  peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_TRUE(peer.read_until("3\r\nabc\r\n").ends_with("\r\n\r\n3\r\nabc\r\n")) << "before the request has ended";
  peer.send("2\r\nde\r\n0\r\nX-Mine: t\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "2\r\nde\r\n0\r\nX-Size: 5\r\nX-Mine: t\r\n\r\n");
  peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmore");
  EXPECT_TRUE(peer.read_to_end().ends_with("\r\n\r\n4\r\nmore\r\n0\r\nX-Size: 4\r\n\r\n")) << "the connection was kept";
}

TEST_F(ServerTest, TakesRequestsByteByByteAndPipelined) {
  start();
  const std::string one =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n";
  RawPeer peer = RawPeer::connect(server_->port());
  for (const char c : one) ASSERT_TRUE(peer.send(std::string(1, c)));
  // In how many pieces the body comes back is the server's own affair: as many as it happened to read it in.
  EXPECT_TRUE(peer.read_until("X-T: 1\r\n\r\n").ends_with("\r\n0\r\nX-Size: 5\r\nX-T: 1\r\n\r\n"));
  peer.send(one + one + get("/ignore"));
  const std::string answers = peer.read_to_end();
  EXPECT_TRUE(answers.ends_with("ignored"));
  EXPECT_NE(answers.find("hello"), answers.rfind("hello")) << answers;
}

TEST_F(ServerTest, RefusesBadRequestsAndCloses) {
  start();
  EXPECT_TRUE(talk("NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_TRUE(talk(get("/x", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")).starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(talk(get("/x", "X: " + std::string(100000, 'x') + "\r\n")).starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(talk(get("/x", "Expect: miracles\r\nContent-Length: 1\r\n")).starts_with("HTTP/1.1 417 "));
  EXPECT_TRUE(talk(get("/nothing-said")).starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(talk(get("/throw")).starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(talk(get("/ignore")).starts_with("HTTP/1.1 200 ")) << "and it keeps serving";
}

TEST_F(ServerTest, ABrokenBodyIsAnErrorForTheHandler) {
  start();
  const std::string head = "POST /whole HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
  EXPECT_TRUE(talk(head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n").ends_with("net.bad_http"));
  RawPeer peer = RawPeer::connect(server_->port());
  peer.send(head + "Content-Length: 5\r\n\r\nhel");
  ::shutdown(peer.descriptor(), SHUT_WR);
  EXPECT_TRUE(peer.read_to_end().ends_with("net.cut_off"));
  EXPECT_TRUE(talk(head + "Content-Length: 11\r\n\r\n").starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(
      talk(head + "Transfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n").starts_with("HTTP/1.1 413 "));
}

TEST_F(ServerTest, AnUnfinishedResponseIsAResetAndNotAnEnd) {
  start();
  for (const char* path : {"/half", "/short"}) {
    RawPeer peer = RawPeer::connect(server_->port());
    peer.send(get(path));
    (void)peer.read_to_end();
    EXPECT_TRUE(peer.was_reset) << path;
    HttpRequest request;
    request.url = parse_url("http://127.0.0.1:" + std::to_string(server_->port()) + path).value();
    EXPECT_EQ(BlockingHttpClient().fetch(request, 100).error().code, kCutOff);
  }
}

TEST_F(ServerTest, ContinuesWhenAskedTo) {
  start();
  RawPeer peer = RawPeer::connect(server_->port());
  peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("ok");
  EXPECT_NE(peer.read_to_end().find("2\r\nok\r\n0\r\n"), std::string::npos);
  // A handler that does not want the body: the final answer comes at once and the connection ends.
  const std::string answer =
      talk("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK")) << answer;
}

TEST_F(ServerTest, DrainsASmallUnreadBodyAndClosesAfterALargeOne) {
  start();
  RawPeer peer = RawPeer::connect(server_->port());
  const std::string head = "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: ";
  peer.send(head + "1000\r\n\r\n" + std::string(1000, 'x') + get("/ignore"));
  const std::string both = peer.read_to_end();
  EXPECT_NE(both.find("ignored"), both.rfind("ignored"));
  RawPeer large = RawPeer::connect(server_->port());
  large.send(head + "3000000\r\n\r\n" + std::string(3000000, 'x'));
  EXPECT_TRUE(large.read_until("ignored").ends_with("ignored")) << "the answer is not lost in a reset";
}

TEST_F(ServerTest, SlowClientsAreCutOff) {
  ServerOptions options;
  options.header_timeout = 150ms;
  options.read_timeout = 150ms;
  options.idle_timeout = 150ms;
  start(options);
  const auto begin = std::chrono::steady_clock::now();
  for (const char* text : {"", "GET / HTT", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"}) {
    RawPeer peer = RawPeer::connect(server_->port());
    peer.send(text);
    for (int i = 0; i < 40 && !peer.readable_within(10); ++i) peer.send("x");  // a drop now and then changes nothing
    (void)peer.read_to_end();
  }
  RawPeer idle = RawPeer::connect(server_->port());
  idle.send(get("/ignore", ""));
  EXPECT_TRUE(idle.read_to_end().ends_with("ignored"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);
  EXPECT_TRUE(wait_for_connections(0));
}

TEST_F(ServerTest, TheTimeForABodyIsNotTheTimeForTheResponse) {
  ServerOptions options;
  options.read_timeout = 100ms;
  start(options);
  EXPECT_TRUE(talk(get("/slow")).ends_with("slow"));
  for (const char* body : {"Content-Length: 2\r\n\r\nok", "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"}) {
    EXPECT_TRUE(
        talk("POST /read-slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + std::string(body)).ends_with("slow"))
        << body;
  }
}

TEST_F(ServerTest, IgnoresExpectInHttp10) {
  start();
  const std::string answer = talk("POST /whole HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok");
  EXPECT_TRUE(answer.ends_with("got 2")) << answer;
}

TEST_F(ServerTest, ASlowReaderHoldsTheHandlerBack) {
  TestHandler::flooded = 0;
  TestHandler::flood_ended = false;
  start();
  {
    RawPeer peer = RawPeer::connect(server_->port());
    peer.send(get("/flood"));
    std::this_thread::sleep_for(300ms);
    const uint64_t before = TestHandler::flooded;
    EXPECT_LT(before, 20'000'000u) << "no more than the sockets hold";
    std::this_thread::sleep_for(200ms);
    EXPECT_EQ(TestHandler::flooded, before);
  }
  for (int i = 0; i < 300 && !TestHandler::flood_ended; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(TestHandler::flood_ended) << "a client that leaves ends the response";
}

TEST_F(ServerTest, NoticesAClientThatLeavesWhileTheHandlerWaits) {
  TestHandler::noticed = false;
  start();
  RawPeer peer = RawPeer::connect(server_->port());
  peer.send(get("/watch"));
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(TestHandler::noticed);
  peer.close();
  for (int i = 0; i < 300 && !TestHandler::noticed; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(TestHandler::noticed);
}

TEST_F(ServerTest, KeepsToTheLimitOfConnections) {
  ServerOptions options;
  options.max_connections = 2;
  start(options);
  {
    RawPeer one = RawPeer::connect(server_->port());
    RawPeer two = RawPeer::connect(server_->port());
    one.send(get("/ignore", ""));
    two.send(get("/ignore", ""));
    EXPECT_TRUE(one.readable_within(2000) && two.readable_within(2000));
    RawPeer three = RawPeer::connect(server_->port());
    three.send(get("/ignore"));
    EXPECT_FALSE(three.readable_within(150)) << "it waits";
    one.close();
    EXPECT_TRUE(three.read_to_end().ends_with("ignored")) << "until there is room";
  }
}

TEST_F(ServerTest, StopsGracefully) {
  start();
  RawPeer idle = RawPeer::connect(server_->port());
  idle.send(get("/ignore", ""));
  EXPECT_TRUE(idle.readable_within(2000));
  RawPeer busy = RawPeer::connect(server_->port());
  busy.send(get("/slow", ""));
  std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(server_->stop(5s));
  EXPECT_TRUE(busy.read_to_end().ends_with("slow"));
  (void)idle.read_to_end();
  RawPeer late = RawPeer::connect(server_->port());
  EXPECT_FALSE(late.send(get("/ignore")) && !late.read_to_end().empty());
}

TEST_F(ServerTest, StopCutsWhatDoesNotEnd) {
  start();
  RawPeer busy = RawPeer::connect(server_->port());
  busy.send(get("/flood", ""));
  std::this_thread::sleep_for(50ms);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(server_->stop(100ms));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
}

TEST_F(ServerTest, ListenFailsWhereThePortIsTaken) {
  start();
  Loops loops(1);
  ServerOptions options;
  options.address = "127.0.0.1";
  options.port = server_->port();
  const auto make = [](Loop& loop) { return std::make_unique<TestHandler>(loop); };
  EXPECT_EQ(Server::listen(loops, options, make).error().code, kSystem);
  options.address = "not an address";
  EXPECT_EQ(Server::listen(loops, options, make).error().code, kSystem);
}

}  // namespace
}  // namespace openpcc::net
