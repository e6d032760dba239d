// Sealed requests on their way through the node's front.
#include <csignal>

#include "router_com/node_handler_testing.h"

namespace openpcc::router_com {
namespace {

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
      {-SIGKILL, "the request's worker was killed: this node is short of memory"},
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

TEST_F(NodeHandlerTest, BusyIsSaidBeforeTheBodyIsRead) {
  start();
  const struct {
    std::atomic<bool>& flag;
    const char* status;
    const char* message;
    bool retry;
    size_t length;
  } rows[] = {{worker_->busy, "HTTP/1.1 503 ", "all workers are busy", true, 1'000'000},
              {worker_->busy, "HTTP/1.1 503 ", "all workers are busy", true, 0},
              {worker_->fails, "HTTP/1.1 500 ", "internal server error", false, 0}};
  for (const auto& row : rows) {
    row.flag = true;
    net::RawPeer peer = connect();
    peer.send(announced(row.length));
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
  for (int count = 1; count <= 2; ++count) {
    net::RawPeer peer = connect();
    peer.send(post(std::string(count == 1 ? 10 : 200'000, 'b')));
    for (int i = 0; i < 500 && has_request < count; ++i) std::this_thread::sleep_for(2ms);
    std::this_thread::sleep_for(20ms);
    const auto left = process::Clock::now();
    peer.close();
    while (worker_->stopped < count && process::Clock::now() < left + 5s) std::this_thread::sleep_for(1ms);
    EXPECT_LT(process::Clock::now() - left, 100ms);
    EXPECT_EQ(worker_->stopped, count);
  }
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
