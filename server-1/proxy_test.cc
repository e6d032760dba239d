// POST / (PROTOCOL G.4) through a real router to nodes that are real HTTP servers.
#include "testing.h"

namespace openpcc::router {
namespace {

using net::Exchange;
using net::Fields;
using net::Loop;
using net::RawPeer;
using net::RawServer;
using net::Task;

std::string field(const net::HttpResult& result, std::string_view name) {
  return std::string(net::field_or_empty(result.head.fields, name));
}

// Answers with what it got: target and fields as text, then the body; trailers like router_com's.
Task<void> mirror(Exchange& exchange, Loop&) {
  std::string text = exchange.request().method + " " + exchange.request().target + "\n";
  for (const auto& got : exchange.request().fields) text += got.name + "=" + got.value + "\n";
  net::ResponseHead head{200, {}};
  head.fields.push_back({"Content-Type", "application/confsec-chunked-res"});
  head.fields.push_back({"Trailer", "X-Refund-Amount"});
  (void)exchange.start(head, std::nullopt);
  (void)co_await exchange.write_piece(as_bytes(text));
  while (true) {
    const auto piece = co_await exchange.read_piece();
    if (!piece) co_return;
    if (piece->empty()) break;
    (void)co_await exchange.write_piece(*piece);
  }
  Fields trailers;
  trailers.push_back({"X-Refund-Amount", "CgIA8A=="});
  trailers.push_back({"X-Other", "passes"});
  (void)co_await exchange.finish({}, trailers);
}

class Proxy : public RouterTest {
 protected:
  net::HttpResult post(ByteView body, Fields more = {}, std::initializer_list<int> candidates = {1}) {
    Fields fields{{"X-Routing-Info", routing_info(candidates)}, {"Content-Type", "application/confsec-chunked-req"}};
    for (auto& extra : more) fields.push_back(std::move(extra));
    return ask(request("POST", "/", fields, body));
  }
  std::string raw_head(const std::string& framing) {
    return "POST / HTTP/1.1\r\nHost: a\r\nX-Routing-Info: " + routing_info({1}) + "\r\n" + framing + "\r\n\r\n";
  }
  const StubNode healthy_;
};

TEST_F(Proxy, ForwardsWithTheNodesKeyAndAnnouncesWhoAnswers) {
  const StubNode node(mirror);
  start();
  add_node(1, node.url("/deep/path?and=query"), node);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1024}, size_t{16384}, size_t{16385}, size_t{1'000'000}}) {
    const Bytes body(size, 'x');
    const auto got = post(body, {{"X-Forwarded-For", "1.2.3.4"}, {"X-Encapsulated-Key", "forged"}});
    EXPECT_EQ(got.head.status, 200);
    EXPECT_EQ(field(got, "X-Node-ID"), node_id(1).to_string());
    EXPECT_EQ(field(got, "Trailer"), "X-Refund");
    EXPECT_EQ(field(got, "Content-Type"), "application/confsec-chunked-res");
    EXPECT_EQ(got.trailers, (Fields{{"X-Other", "passes"}})) << "no amount, and in mode none no refund";
    const std::string text(as_text(got.body));
    EXPECT_TRUE(text.starts_with("POST /deep/path?and=query\n")) << text.substr(0, 300);
    const std::string host = "\nHost=127.0.0.1:" + std::to_string(router_->port()) + "\n";
    EXPECT_NE(text.find(host), std::string::npos) << "the client's own";
    EXPECT_NE(text.find("\nX-Encapsulated-Key=" + key_of(1) + "\n"), std::string::npos);
    EXPECT_NE(text.find("\nX-Credit-Amount=262144\n"), std::string::npos);
    EXPECT_NE(text.find("\nContent-Type=application/confsec-chunked-req\n"), std::string::npos);
    for (const char* gone : {"forged", "1.2.3.4", "X-Routing-Info"})
      EXPECT_EQ(text.find(gone), std::string::npos) << gone;
    EXPECT_TRUE(text.ends_with(std::string(size, 'x'))) << size;
  }
}

TEST_F(Proxy, TellsTheNodeTheCreditsAmount) {
  const StubNode node(mirror);
  start();
  add_node(1, node.url("/"), node);
  const auto paid = post({}, {{"X-Credit", credit(wire::Currency::from_amount(1024).value())}});
  EXPECT_NE(as_text(paid.body).find("\nX-Credit-Amount=1024\n"), std::string::npos);
  EXPECT_EQ(as_text(paid.body).find("X-Credit="), std::string::npos) << "the credit itself stays here";
  const auto nothing = post({}, {{"X-Credit", credit(wire::Currency())}});
  EXPECT_NE(as_text(nothing.body).find("\nX-Credit-Amount=0\n"), std::string::npos) << "for the node to refuse";
}

TEST_F(Proxy, RefusalsInTheOfficialOrder) {
  const StubNode node(mirror);
  start();
  add_node(1, node.url("/"), node);
  const std::string good = routing_info({1});
  std::string flipped = good;
  flipped[4] = static_cast<char>(flipped[4] ^ 0x20);
  wire::ComputeRequestInfo many;
  for (int i = 0; i < 200; ++i) many.candidates.push_back({node_id(i), Bytes(120)});
  struct Row {
    std::string info;
    std::string credit;
    int status;
    const char* message;
  };
  const char* bad_info = "invalid routing info in X-Routing-Info header";
  const Row rows[] = {
      {"", "", 400, bad_info},
      {"!!!!", "", 400, bad_info},
      {good.substr(0, good.size() - 1), "", 400, bad_info},
      {good.substr(0, good.size() / 2), "", 400, bad_info},
      {flipped, "", 400, bad_info},
      {to_base64(Bytes{0x0a, 0x00}), "", 400, bad_info},
      {std::string(20000, 'A'), "", 400, bad_info},
      {"", "x", 400, bad_info},  // before the credit is looked at
      {good, "x", 400, "invalid credit in X-Credit header"},
      {routing_info({9}), "x", 400, "invalid credit in X-Credit header"},  // before the nodes are
      {good, credit(wire::Currency::special(0).value()), 400, "invalid credit value"},
      {routing_info({9}), "", 404, "all candidate nodes unavailable"},
      {routing_info({9, 8, 7}), credit(wire::Currency()), 404, "all candidate nodes unavailable"},
  };
  for (const Row& row : rows) {
    Fields fields;
    if (!row.info.empty()) fields.push_back({"X-Routing-Info", row.info});
    if (!row.credit.empty()) fields.push_back({"X-Credit", row.credit});
    const auto got = ask(request("POST", "/", fields, as_bytes("body")));
    EXPECT_EQ(got.head.status, row.status) << row.info.substr(0, 40);
    EXPECT_EQ(field(got, "Content-Type"), kOctets);
    EXPECT_EQ(message(got), row.message);
    EXPECT_EQ(field(got, "X-Node-ID"), "");
  }
  EXPECT_EQ(post({}, {}, {9, 1, 1}).head.status, 200) << "candidates may be unknown or stand twice";
}

TEST_F(Proxy, PassesTheNodesOwnAnswersOn) {
  const StubNode node([](Exchange& exchange, Loop&) -> Task<void> {
    const net::Reply reply = net::protobuf_error(400, "invalid media type");
    (void)co_await exchange.respond(reply);
  });
  start();
  add_node(1, node.url("/"), node);
  const auto got = post(as_bytes("x"), {{"Content-Type", "application/unheard-of"}});
  EXPECT_EQ(got.head.status, 400);
  EXPECT_EQ(message(got), "invalid media type");
  EXPECT_EQ(field(got, "Content-Length"), "20");
  EXPECT_EQ(field(got, "X-Node-ID"), node_id(1).to_string());
  EXPECT_EQ(field(got, "Trailer"), "X-Refund") << "announced also where none can follow";
}

TEST_F(Proxy, BodiesBeyondTheLimitAreRefused) {
  const StubNode node(mirror);
  Settings settings = quick_settings();
  settings.http.body_limit = 100'000;
  start(settings);
  add_node(1, node.url("/"), node);
  EXPECT_EQ(post(Bytes(100'000)).head.status, 200);
  const auto got = post(Bytes(100'001));
  EXPECT_EQ(got.head.status, 413);
  EXPECT_EQ(message(got), "request body too large");
}

TEST_F(Proxy, AChunkedBodyBeyondTheLimitIsRefusedWhereItCrossesIt) {
  const StubNode node([](Exchange& exchange, Loop&) -> Task<void> { (void)co_await exchange.read_all(1 << 30); });
  Settings settings = quick_settings();
  settings.http.body_limit = 100'000;
  start(settings);
  add_node(1, node.url("/"), node);
  net::HttpRequest large = request("POST", "/", {{"X-Routing-Info", routing_info({1})}});
  int pieces = 0;
  large.next_piece = [&]() -> Result<Bytes> { return ++pieces < 100 ? Bytes(10'000) : Bytes(); };
  const auto got = ask(large);
  EXPECT_EQ(got.head.status, 413);
}

TEST_F(Proxy, ADeadNodeIsAProxyError) {
  uint16_t port = 0;
  {
    const RawServer closed([](RawPeer&) {});
    port = closed.port();
  }
  RawServer rude([](RawPeer& peer) { peer.read_until("\r\n\r\n"); });  // hangs up without an answer
  RawServer strange([](RawPeer& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("SMTP ready\r\n\r\n");
  });
  RawServer no_tls([](RawPeer& peer) {
    (void)peer.readable_within(1000);
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  start();
  add_node(1, "http://127.0.0.1:" + std::to_string(port), healthy_);
  add_node(2, rude.url(), healthy_);
  add_node(3, strange.url(), healthy_);
  add_node(4, "https://127.0.0.1:" + std::to_string(no_tls.port()), healthy_);
  for (const int number : {1, 2, 3, 4}) {
    for (const size_t size : {size_t{10}, size_t{500'000}}) {
      const auto got = post(Bytes(size), {}, {number});
      EXPECT_EQ(got.head.status, 502) << number;
      EXPECT_EQ(as_text(got.body), "Proxy error\n");
      EXPECT_EQ(field(got, "Content-Type"), "text/plain; charset=utf-8");
    }
  }
}

TEST_F(Proxy, ANodeThatDiesInMidBodyNeverLooksLikeAnEnd) {
  for (const std::string whole :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n"}) {
    std::atomic<size_t> cut = 0;
    std::atomic<bool> reset = false;
    RawServer node([&](RawPeer& peer) {
      peer.read_until("\r\n\r\n");
      const bool hard = reset;  // now: once the client has its answer, this is about the next one
      peer.send(whole.substr(0, cut));
      if (hard) peer.reset();
    });
    start();
    add_node(1, node.url(), healthy_);
    for (cut = whole.find("\r\n\r\n") + 4; cut < whole.size(); ++cut) {
      reset = cut % 2 == 0;
      const auto what = request("POST", "/", {{"X-Routing-Info", routing_info({1})}}, as_bytes("x"));
      const auto got = client_.fetch(what, 100);
      // A reset may overtake the head: then the client is told, which is as good.
      if (got && got->head.status == 502) continue;
      ASSERT_FALSE(got) << cut;
      EXPECT_EQ(got.error().code, net::kCutOff) << got.error().message;
    }
    router_->stop(1s);
    router_.reset();
  }
}

TEST_F(Proxy, StreamsBothWaysAtOnce) {
  const StubNode node(mirror);
  start();
  add_node(1, node.url("/"), node);
  RawPeer peer = RawPeer::connect(router_->port());
  peer.send(raw_head("Transfer-Encoding: chunked"));
  std::this_thread::sleep_for(20ms);
  for (const char* piece : {"one", "two", "three"}) {
    peer.send("5\r\n" + (std::string(piece) + "....").substr(0, 5) + "\r\n");
    EXPECT_NE(peer.read_until((std::string(piece) + "....").substr(0, 5) + "\r\n").find(piece), std::string::npos);
  }
  peer.send("0\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "0\r\nX-Other: passes\r\n\r\n");
  peer.send("GET /ping HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(peer.read_until("pong").ends_with("pong")) << "the connection lives on";
}

TEST_F(Proxy, AnEarlyAnswerToALargeBodyReachesTheClient) {
  const StubNode node([](Exchange& exchange, Loop&) -> Task<void> {
    const net::Reply reply = net::protobuf_error(400, "invalid encapsulated key");
    (void)co_await exchange.respond(reply);
  });
  start();
  add_node(1, node.url("/"), node);
  EXPECT_EQ(message(post(Bytes(2'000'000))), "invalid encapsulated key");
}

TEST_F(Proxy, AMalformedBodyNeverReachesTheNodeAsAWhole) {
  std::atomic<int> complete = 0;
  const StubNode node([&](Exchange& exchange, Loop&) -> Task<void> {
    const auto body = co_await exchange.read_all(1 << 20);
    if (!body) co_return;
    ++complete;
    const net::Reply reply{200, "", "whole"};
    (void)co_await exchange.respond(reply);
  });
  start();
  add_node(1, node.url("/"), node);
  RawPeer bad = RawPeer::connect(router_->port());
  bad.send(raw_head("Transfer-Encoding: chunked") + "5\r\nhello\r\nzz\r\n");
  EXPECT_TRUE(bad.read_to_end().starts_with("HTTP/1.1 400 "));
  {
    RawPeer gone = RawPeer::connect(router_->port());
    gone.send(raw_head("Content-Length: 100") + "only this");
    std::this_thread::sleep_for(20ms);
  }
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(complete, 0);
  EXPECT_EQ(as_text(post(as_bytes("x")).body), "whole") << "and it keeps serving";
}

TEST_F(Proxy, AClientThatLeavesIsToldToTheNode) {
  std::atomic<bool> noticed = false;
  std::atomic<bool> reached = false;
  const StubNode node([&](Exchange& exchange, Loop& loop) -> Task<void> {
    (void)co_await exchange.read_all(1 << 20);
    reached = true;
    net::Event gone(loop.io);
    exchange.watch_for_close([&] { gone.set(); });
    co_await gone.wait();
    noticed = true;
  });
  start();
  add_node(1, node.url("/"), node);
  for (const size_t size : {size_t{10}, size_t{100'000}}) {
    noticed = reached = false;
    {
      RawPeer peer = RawPeer::connect(router_->port());
      peer.send(raw_head("Content-Length: " + std::to_string(size)) + std::string(size, 'x'));
      wait([&] { return reached.load(); });
      ASSERT_TRUE(reached);
    }
    wait([&] { return noticed.load(); });
    EXPECT_TRUE(noticed) << size;
  }
}

TEST_F(Proxy, ASlowReaderSlowsTheNodeDown) {
  std::atomic<uint64_t> sent = 0;
  const StubNode node([&](Exchange& exchange, Loop&) -> Task<void> {
    net::ResponseHead head{200, {}};
    (void)exchange.start(head, std::nullopt);
    const Bytes piece(16384, 'x');
    while (co_await exchange.write_piece(piece)) sent += piece.size();
  });
  start();
  add_node(1, node.url("/"), node);
  RawPeer peer = RawPeer::connect(router_->port());
  peer.send(raw_head("Content-Length: 1") + "x");
  std::this_thread::sleep_for(400ms);
  const uint64_t held = sent;
  EXPECT_LT(held, 40'000'000u) << "no more than four sockets hold";
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(sent, held) << "the router keeps nothing for a client that does not read";
}

TEST_F(Proxy, ManyAtOnce) {
  const StubNode node(mirror);
  const StubNode other(mirror);
  start();
  add_node(1, node.url("/a"), node);
  add_node(2, other.url("/b"), other);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  std::atomic<int> at_two = 0;
  for (int t = 0; t < 64; ++t) {
    threads.emplace_back([&, t] {
      net::BlockingHttpClient client;
      for (int i = 0; i < 10; ++i) {
        const std::string body = std::string(static_cast<size_t>(t * 600 + i), static_cast<char>('A' + t % 26)) + "!";
        const auto what = request("POST", "/", {{"X-Routing-Info", routing_info({1, 2})}}, as_bytes(body));
        const auto got = client.fetch(what, 1 << 20);
        const bool second = got && field(*got, "X-Node-ID") == node_id(2).to_string();
        const std::string target = second ? "POST /b\n" : "POST /a\n";
        if (!got || !as_text(got->body).starts_with(target) || !as_text(got->body).ends_with("\n" + body)) ++wrong;
        if (got && as_text(got->body).find(key_of(second ? 2 : 1)) == std::string_view::npos) ++wrong;
        if (second) ++at_two;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(at_two, 200) << "of 640, about half";
  EXPECT_LT(at_two, 440);
}

TEST_F(Proxy, AShutdownLetsRequestsEnd) {
  std::atomic<bool> reached = false;
  const StubNode node([&](Exchange& exchange, Loop& loop) -> Task<void> {
    reached = true;
    co_await net::sleep_for(loop, 300ms);
    const net::Reply reply{200, "", "late but whole"};
    (void)co_await exchange.respond(reply);
  });
  start();
  add_node(1, node.url("/"), node);
  std::string body;
  std::thread asking([&] { body = as_text(post(as_bytes("x")).body); });
  wait([&] { return reached.load(); });
  EXPECT_TRUE(router_->stop(5s));
  asking.join();
  EXPECT_EQ(body, "late but whole");
}

}  // namespace
}  // namespace openpcc::router
