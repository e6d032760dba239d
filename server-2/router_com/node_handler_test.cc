#include "router_com/node_handler.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <csignal>

#include "base/base64.h"
#include "net/raw_peer_for_testing.h"
#include "process/testing.h"
#include "router_com/stub_worker_for_testing.h"
#include "wire/router.h"
#include "wire/worker_output.h"

namespace openpcc::router_com {
namespace {

using namespace std::chrono_literals;
using process::within;

constexpr std::string_view kMedia = "application/confsec-chunked-res";

// What a child got, and what it says.
struct Received {
  worker::RequestHead head;
  std::string body;
  bool complete = false;
};

Received receive_request(int socket) {
  Received out;
  const auto head = process::receive_message(socket, worker::kMaxHeadMessage, within(5s));
  if (!head) return out;
  out.head = worker::parse_request_head(head->body).value_or(worker::RequestHead{});
  while (true) {
    const auto part = process::receive_message(socket, worker::kMaxBodyPart, within(5s));
    if (!part) return out;
    out.complete = part->body.empty();
    if (out.complete) return out;
    out.body += as_text(part->body);
  }
}

void say(int socket, ByteView bytes) {
  (void)process::send_all(socket, bytes, within(5s));
}
Bytes header() {
  return wire::encode_output_header({std::string(kMedia), 532}).value();
}
Bytes frame(std::string_view text) {
  Bytes out;
  wire::append_output_data(out, as_bytes(text));
  return out;
}
Bytes footer(int64_t refund) {
  return wire::encode_output_footer(wire::Currency::from_amount(refund).value());
}

int echo(int socket) {
  const Received request = receive_request(socket);
  if (!request.complete) return 1;
  say(socket, header());
  say(socket, frame(request.body));
  say(socket, footer(1024));
  return 0;
}

class NodeHandlerTest : public ::testing::Test {
 protected:
  void start(StubWorker::Child child = echo) {
    worker_ = std::make_unique<StubWorker>(path(), std::move(child));
    serve();
  }
  void serve() {
    state_.set_rek_point(Bytes(65, 4));
    net::ServerOptions options;
    options.address = "127.0.0.1";
    server_ = net::Server::listen(loops_, options, [&](net::Loop& loop) {
                return std::make_unique<NodeHandler>(loop, path(), state_, metrics_);
              }).value();
    metrics_server_ = net::Server::listen(loops_, options, [&](net::Loop& loop) {
                        return std::make_unique<MetricsHandler>(loop, path(), metrics_);
                      }).value();
    loops_.start();
  }
  void TearDown() override {
    if (server_) server_->stop(0s);
    if (metrics_server_) metrics_server_->stop(0s);
    loops_.stop();
    server_.reset();
    metrics_server_.reset();
  }
  [[nodiscard]] std::string path() const { return directory_.file("w"); }
  [[nodiscard]] net::RawPeer connect() const { return net::RawPeer::connect(server_->port()); }
  [[nodiscard]] std::string talk(const std::string& request) const {
    net::RawPeer peer = connect();
    peer.send(request);
    return peer.read_to_end();
  }

  process::TemporaryDirectory directory_;
  std::unique_ptr<StubWorker> worker_;
  // As text, once it holds `wanted`: a request's end is counted just after its answer.
  [[nodiscard]] std::string metrics(std::string_view wanted) const {
    std::string answer;
    for (int i = 0; i < 500 && answer.find(wanted) == std::string::npos; ++i) {
      if (i > 0) ::usleep(10'000);
      net::RawPeer peer = net::RawPeer::connect(metrics_server_->port());
      peer.send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      answer = peer.read_to_end();
    }
    return answer;
  }

  NodeState state_;
  Metrics metrics_;
  net::Loops loops_{1};
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<net::Server> metrics_server_;
};

std::string get(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + fields + "\r\n";
}

struct PostFields {
  std::string media = "application/confsec-chunked-req";
  std::string key = to_base64(Bytes(120, 7));
  std::string amount = "262144";
  std::string path = "/";
};
std::string post(const std::string& body, const PostFields& fields = {}) {
  return "POST " + fields.path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: " + fields.media +
         "\r\nX-Encapsulated-Key: " + fields.key + "\r\nX-Credit-Amount: " + fields.amount +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
std::string error_body(const std::string& message) {
  const Bytes bytes = wire::encode(wire::ErrorBody{message});
  return {bytes.begin(), bytes.end()};
}

TEST_F(NodeHandlerTest, PingAndHealth) {
  start();
  EXPECT_TRUE(talk(get("/anything", "X-Confsec-Ping: routercom\r\n")).ends_with("\r\n\r\nroutercom"));
  const std::string health = talk(get("/_health"));
  EXPECT_TRUE(health.starts_with("HTTP/1.1 200 ")) << health;
  EXPECT_TRUE(has(health, "Content-Type: application/json\r\n"));
  EXPECT_TRUE(health.ends_with("{\"ApplicationHealthState\":\"Healthy\"}"));
}

TEST_F(NodeHandlerTest, APingIsAnsweredBeforeAllElse) {
  start();
  state_.set_rek_point({});
  constexpr std::string_view kPing = "X-Confsec-Ping: routercom\r\n";
  for (const std::string line : {"POST / HTTP/1.1\r\n", "POST /_health HTTP/1.1\r\n", "GET /_health HTTP/1.1\r\n",
                                 "DELETE /a/b?c HTTP/1.1\r\n"}) {
    const std::string answer = talk(line + "Host: x\r\nConnection: close\r\n" + std::string(kPing) + "\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << line << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nroutercom")) << line << answer;
  }
  EXPECT_TRUE(talk(get("/", "X-Confsec-Ping: gateway\r\n")).starts_with("HTTP/1.1 405 ")) << "another's ping";
  EXPECT_EQ(worker_->started, 0);
}

TEST_F(NodeHandlerTest, IsNotHealthyWithoutEvidenceOrWorker) {
  start();
  state_.set_rek_point({});
  EXPECT_TRUE(talk(get("/_health")).starts_with("HTTP/1.1 503 "));
  const std::string early = talk(post("x"));
  EXPECT_TRUE(early.starts_with("HTTP/1.1 503 ")) << early;
  state_.set_rek_point(Bytes(65, 4));
  EXPECT_TRUE(talk(get("/_health")).starts_with("HTTP/1.1 200 "));
  worker_.reset();
  EXPECT_TRUE(talk(get("/_health")).starts_with("HTTP/1.1 503 "));
  const std::string without = talk(post("x"));
  EXPECT_TRUE(without.starts_with("HTTP/1.1 500 ")) << without;
  EXPECT_TRUE(without.ends_with(error_body("internal server error"))) << without;
  worker_ = std::make_unique<StubWorker>(path(), echo);
  EXPECT_TRUE(talk(get("/_health")).starts_with("HTTP/1.1 200 ")) << "it connects again";
  EXPECT_TRUE(talk(post("x")).starts_with("HTTP/1.1 200 "));
}

TEST_F(NodeHandlerTest, LivenessAndReadinessAreApart) {
  start();
  EXPECT_TRUE(talk(get("/_health/ready")).starts_with("HTTP/1.1 200 "));
  worker_->ready = false;
  const std::string answer = talk(get("/_health/ready"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(has(answer, "TpmUnavailable")) << answer;
  EXPECT_TRUE(talk(get("/_health")).starts_with("HTTP/1.1 200 ")) << "the router keeps it";
  EXPECT_TRUE(talk(get("/_health/live")).starts_with("HTTP/1.1 200 "));
  worker_.reset();
  EXPECT_TRUE(has(talk(get("/_health/ready")), "WorkerUnavailable"));
  state_.set_rek_point({});
  EXPECT_TRUE(has(talk(get("/_health/ready")), "WaitingForEvidence"));
  EXPECT_TRUE(talk(get("/_health/live")).starts_with("HTTP/1.1 200 "));
}

TEST_F(NodeHandlerTest, MetricsCountOutcomesAndHoldNothingOfARequest) {
  start();
  const std::string secret = "canary-of-the-body";
  EXPECT_TRUE(talk(post(secret)).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(talk(post(secret, {.amount = "0"})).starts_with("HTTP/1.1 400 "));
  worker_->busy = true;
  EXPECT_TRUE(talk(post(secret)).starts_with("HTTP/1.1 503 "));
  worker_->busy = false;
  worker_->fails = true;
  EXPECT_TRUE(talk(post(secret)).starts_with("HTTP/1.1 500 "));
  const std::string text = metrics("openpcc_node_requests_total{outcome=\"failed\"} 1");
  for (const char* line :
       {"openpcc_node_requests_total{outcome=\"answered\"} 1", "openpcc_node_requests_total{outcome=\"refused\"} 1",
        "openpcc_node_requests_total{outcome=\"busy\"} 1", "openpcc_node_requests_total{outcome=\"cut\"} 0",
        "openpcc_node_first_byte_seconds_count 1", "openpcc_node_requests_running 0"}) {
    EXPECT_TRUE(has(text, line)) << line << "\n" << text;
  }
  EXPECT_FALSE(has(text, secret));
  worker_.reset();
  EXPECT_TRUE(has(metrics("requests_running 0"), "outcome=\"answered\"} 1")) << "without the worker, too";
  net::RawPeer peer = net::RawPeer::connect(metrics_server_->port());
  peer.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(peer.read_to_end().starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(talk(get("/metrics")).starts_with("HTTP/1.1 405 ")) << "not where requests come in";
}

// The stub serves one connection at a time: here it is the metrics'.
TEST_F(NodeHandlerTest, TheWorkersMetricsAreShownWithItsOwn) {
  start();
  EXPECT_TRUE(has(metrics("stub_metric 1"), "openpcc_node_requests_running 0"));
}

TEST_F(NodeHandlerTest, OtherMethodsAreRefused) {
  start();
  for (const std::string& request : {get("/"), get("/x"),
                                     std::string("DELETE /_health HTTP/1.1\r\nHost: x\r\n"
                                                 "Connection: close\r\n\r\n")}) {
    const std::string answer = talk(request);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 405 ")) << answer;
    EXPECT_TRUE(has(answer, "Allow: "));
  }
  EXPECT_EQ(worker_->started, 0);
}

TEST_F(NodeHandlerTest, OfficialChecksInTheirOrder) {
  start();
  const struct {
    PostFields fields;
    const char* message;
  } rows[] = {
      {{.media = "application/json"}, "invalid media type"},
      {{.media = "application/confsec-req; a=b"}, "invalid media type"},
      {{.media = "x", .key = ""}, "invalid media type"},
      {{.key = ""}, "invalid encapsulated key"},
      {{.key = "%%%"}, "invalid encapsulated key"},
      {{.key = std::string(513, 'A')}, "invalid encapsulated key"},
      {{.key = std::string(516, 'A')}, "invalid encapsulated key"},
      {{.key = to_base64(Bytes(118, 7)).substr(0, 158)}, "invalid encapsulated key"},  // without its padding
      {{.key = "-_-_"}, "invalid encapsulated key"},                                   // the alphabet of URLs
      {{.media = "Application/confsec-req"}, "invalid media type"},
      {{.media = ""}, "invalid media type"},
      {{.media = "application/confsec-res", .amount = "0"}, "invalid media type"},
      {{.key = "", .amount = "0"}, "invalid encapsulated key"},
      {{.key = "%%%", .amount = "x"}, "invalid encapsulated key"},
      {{.amount = ""}, "invalid credit amount"},
      {{.amount = "1.5"}, "invalid credit amount"},
      {{.amount = "9223372036854775808"}, "invalid credit amount"},
      {{.amount = " 1x"}, "invalid credit amount"},
      {{.amount = "0x10"}, "invalid credit amount"},
      {{.amount = "1_000"}, "invalid credit amount"},
      {{.amount = "+-1"}, "invalid credit amount"},
      {{.amount = "++1"}, "invalid credit amount"},
      {{.amount = "-9223372036854775809"}, "invalid credit amount"},
      {{.amount = "-9223372036854775808"}, "credit amount must be greater than 0"},
      {{.amount = "0"}, "credit amount must be greater than 0"},
      {{.amount = "-1"}, "credit amount must be greater than 0"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.message);
    const std::string answer = talk(post("body", row.fields));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(has(answer, "Content-Type: application/octet-stream\r\n"));
    EXPECT_TRUE(answer.ends_with("\r\n\r\n" + error_body(row.message))) << answer;
  }
  EXPECT_EQ(worker_->started, 0) << "a refused request costs no process";
  EXPECT_TRUE(talk(post("x", {.key = std::string(512, 'A')})).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(talk(post("x", {.amount = "+1", .path = "/v1/deeper?q"})).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(talk(post("x", {.amount = "9223372036854775807"})).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(talk(post("x", {.media = "application/confsec-req", .path = "/_health"})).starts_with("HTTP/1.1 200 "));
}

TEST_F(NodeHandlerTest, ARequestGoesThroughWholeAndUnread) {
  Received seen;
  start([&](int socket) {
    seen = receive_request(socket);
    say(socket, header());
    say(socket, frame("sealed answer"));
    say(socket, footer(1024));
    return 0;
  });
  const std::string answer = talk(post("sealed request"));
  EXPECT_EQ(seen.body, "sealed request");
  EXPECT_TRUE(seen.complete);
  EXPECT_EQ(seen.head, (worker::RequestHead{.media_type = "application/confsec-chunked-req",
                                            .encapsulated_key = Bytes(120, 7),
                                            .rek_point = Bytes(65, 4),
                                            .credit_amount = 262144}));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(has(answer, "Content-Type: application/confsec-chunked-res\r\n"));
  EXPECT_TRUE(has(answer, "Trailer: X-Refund-Amount\r\n"));
  EXPECT_TRUE(has(answer, "Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(answer.ends_with("d\r\nsealed answer\r\n0\r\nX-Refund-Amount: CgIAcA==\r\n\r\n")) << answer;
}

TEST_F(NodeHandlerTest, WithoutARefundThereIsNoTrailer) {
  start([&](int socket) {
    receive_request(socket);
    say(socket, header());
    say(socket, frame("a"));
    say(socket, wire::encode_output_footer(std::nullopt));
    return 0;
  });
  const std::string answer = talk(post("x"));
  EXPECT_TRUE(answer.ends_with("1\r\na\r\n0\r\n\r\n")) << answer;
  EXPECT_TRUE(has(answer, "Trailer: X-Refund-Amount\r\n")) << "announced all the same";
}

TEST_F(NodeHandlerTest, AWholeAnswerIsSentInChunksToo) {
  start([&](int socket) {
    receive_request(socket);
    say(socket, wire::encode_output_header({.media_type = "application/confsec-res"}).value());
    say(socket, frame("whole"));
    say(socket, footer(0));
    return 0;
  });
  const std::string answer = talk(post("x"));
  EXPECT_TRUE(has(answer, "Content-Type: application/confsec-res\r\n")) << answer;
  EXPECT_TRUE(has(answer, "Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(answer.ends_with("0\r\nX-Refund-Amount: CgIAAA==\r\n\r\n")) << answer << "a refund of 0 is one";
}

TEST_F(NodeHandlerTest, PiecesComeThroughAtOnce) {
  std::atomic<bool> go_on = false;
  start([&](int socket) {
    receive_request(socket);
    say(socket, header());
    say(socket, frame("first"));
    while (!go_on) std::this_thread::sleep_for(1ms);
    say(socket, frame("second"));
    say(socket, footer(0));
    return 0;
  });
  net::RawPeer peer = connect();
  peer.send(post("x"));
  EXPECT_TRUE(has(peer.read_until("first\r\n"), "first")) << "before the worker said more";
  go_on = true;
  EXPECT_TRUE(has(peer.read_to_end(), "second"));
}

TEST_F(NodeHandlerTest, LargeBodiesGoBothWays) {
  start();
  const std::string body(5'000'000, 'x');
  net::RawPeer peer = connect();
  std::thread sender([&] { peer.send(post(body)); });
  const std::string answer = peer.read_to_end();
  sender.join();
  EXPECT_EQ(static_cast<size_t>(std::count(answer.begin(), answer.end(), 'x')), body.size());
  EXPECT_TRUE(answer.ends_with("X-Refund-Amount: CgIAcA==\r\n\r\n"));
}

TEST_F(NodeHandlerTest, ConnectionsAreKept) {
  start();
  net::RawPeer peer = connect();
  for (int i = 0; i < 3; ++i) {
    std::string request = post("again");
    request.erase(request.find("Connection: close\r\n"), 19);
    peer.send(request);
    EXPECT_TRUE(has(peer.read_until("X-Refund-Amount: CgIAcA==\r\n\r\n"), "again")) << i;
  }
  EXPECT_EQ(worker_->started, 3) << "a worker each";
}

TEST_F(NodeHandlerTest, ExitStatusBecomesAStatus) {
  int code = worker::kExitNotDecrypted;
  start([&](int socket) {
    receive_request(socket);
    return code;
  });
  std::string answer = talk(post("x"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_TRUE(answer.ends_with(error_body("failed to decapsulate encrypted request")));
  const std::pair<int, std::string_view> others[] = {
      {1, "internal server error"},
      {0, "internal server error"},
      {worker::kExitNoMemory, "the request needed more memory than this node allows"},
      {-SIGSEGV, "the request's worker crashed"},
      {StubWorker::kOvertime, "the request took longer than this node allows"},
  };
  for (const auto& [other, message] : others) {
    code = other;
    answer = talk(post("x"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << other << answer;
    EXPECT_TRUE(answer.ends_with(error_body(std::string(message)))) << other << answer;
  }
}

TEST_F(NodeHandlerTest, AChildThatEndsBeforeItHasReadIsA500) {
  start([](int) { return 1; });
  net::RawPeer peer = connect();
  std::thread sender([&] { peer.send(post(std::string(3'000'000, 'b'))); });
  const std::string answer = peer.read_to_end();
  sender.join();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << answer.substr(0, 200);
}

TEST_F(NodeHandlerTest, AnAnswerThatBreaksOffIsNeverACleanEnd) {
  std::function<void(int)> part;
  start([&](int socket) {
    receive_request(socket);
    part(socket);
    return 1;
  });
  const auto ends_cleanly = [&](std::function<void(int)> child) {
    part = std::move(child);
    net::RawPeer peer = connect();
    peer.send(post("x"));
    const std::string answer = peer.read_to_end();
    // Where the fault came together with the header nothing was begun yet, and a whole refusal is the better answer.
    if (answer.starts_with("HTTP/1.1 500 ")) return false;
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 200 ")) << answer;
    return answer.ends_with("0\r\n\r\n") || !peer.was_reset;
  };
  EXPECT_FALSE(ends_cleanly([](int socket) {
    say(socket, header());
    say(socket, frame("half"));
  }));
  EXPECT_FALSE(ends_cleanly([](int socket) {
    say(socket, header());
    say(socket, frame("half"));
    say(socket, Bytes{0});  // half a footer
  }));
  EXPECT_FALSE(ends_cleanly([](int socket) {
    say(socket, header());
    say(socket, Bytes{0x80, 0x01, 0x00, 0x00, 1});  // a frame of 65536 bytes
  }));
}

TEST_F(NodeHandlerTest, BusyAndFailedAreSaidBeforeTheBodyIsRead) {
  start();
  const struct {
    std::atomic<bool>& flag;
    const char* status;
    const char* message;
    bool retry;
  } rows[] = {{worker_->busy, "HTTP/1.1 503 ", "all workers are busy", true},
              {worker_->fails, "HTTP/1.1 500 ", "internal server error", false}};
  for (const auto& row : rows) {
    row.flag = true;
    net::RawPeer peer = connect();
    std::string request = post("");
    request.replace(request.find("Content-Length: 0"), 17, "Content-Length: 1000000");
    peer.send(request);
    const std::string answer = peer.read_until(error_body(row.message));
    EXPECT_TRUE(answer.starts_with(row.status)) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n" + error_body(row.message))) << answer;
    EXPECT_EQ(has(answer, "Retry-After: 1\r\n"), row.retry) << answer;
    row.flag = false;
  }
  EXPECT_EQ(worker_->started, 0);
}

TEST_F(NodeHandlerTest, AClientThatLeavesStopsItsWorkerWithin100Milliseconds) {
  std::atomic<int> ended = 0, has_request = 0;
  start([&](int socket) {
    const bool complete = receive_request(socket).complete;
    ++has_request;
    if (complete) {  // a long prompt: nothing is read or written
      char byte = 0;
      (void)::recv(socket, &byte, 1, 0);
    }
    ++ended;
    return 1;
  });
  const auto leaves = [&](const std::string& sent, bool complete, int count) {
    net::RawPeer peer = connect();
    peer.send(sent);
    for (int i = 0; i < 500 && (complete ? has_request : worker_->started) < count; ++i) {
      std::this_thread::sleep_for(2ms);
    }
    std::this_thread::sleep_for(20ms);
    const auto left = process::Clock::now();
    peer.close();
    while (worker_->stopped < count && process::Clock::now() < left + 5s) std::this_thread::sleep_for(1ms);
    EXPECT_LT(process::Clock::now() - left, 100ms);
    EXPECT_EQ(worker_->stopped, count);
  };
  leaves(post("whole request"), true, 1);
  std::string half = post("");
  half.replace(half.find("Content-Length: 0"), 17, "Content-Length: 1000000");
  leaves(half + "some of it", false, 2);
  for (int i = 0; i < 500 && ended < 2; ++i) std::this_thread::sleep_for(2ms);
  EXPECT_EQ(ended, 2);
}

TEST_F(NodeHandlerTest, AnAnswerBeforeTheEndOfTheRequestComesThrough) {
  start([](int socket) {
    (void)process::receive_message(socket, worker::kMaxHeadMessage, within(5s));
    (void)process::receive_message(socket, worker::kMaxBodyPart, within(5s));
    say(socket, header());
    say(socket, frame("too large"));
    say(socket, footer(1024));
    return 0;
  });
  net::RawPeer peer = connect();
  std::thread sender([&] { peer.send(post(std::string(8'000'000, 'b'))); });
  const std::string answer = peer.read_until("CgIAcA==\r\n\r\n");
  EXPECT_TRUE(has(answer, "too large")) << answer;
  sender.join();
}

TEST_F(NodeHandlerTest, ManyAtOnce) {
  start();
  std::vector<std::thread> clients;
  std::atomic<int> good = 0;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&, i] {
      for (int j = 0; j < 5; ++j) {
        const std::string body = "body " + std::to_string(i) + "." + std::to_string(j) + std::string(20'000, 'x');
        const std::string answer = talk(post(body));
        good += has(answer, body.substr(0, 100)) && answer.ends_with("CgIAcA==\r\n\r\n") ? 1 : 0;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 80);
}

}  // namespace
}  // namespace openpcc::router_com
