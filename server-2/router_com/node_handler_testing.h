// node_handler_testing.h - for tests: a node's HTTP front on loopback, before a stub of the worker.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "net/raw_peer_for_testing.h"
#include "process/testing.h"
#include "router_com/node_handler.h"
#include "router_com/stub_worker_for_testing.h"
#include "wire/router.h"
#include "wire/worker_output.h"

namespace openpcc::router_com {

using namespace std::chrono_literals;
using process::within;

inline constexpr std::string_view kMedia = "application/confsec-chunked-res";

// What a child got, and what it says.
struct Received {
  worker::RequestHead head;
  std::string body;
  bool complete = false;
};

inline Received receive_request(int socket) {
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

inline void say(int socket, ByteView bytes) {
  (void)process::send_all(socket, bytes, within(5s));
}
inline Bytes header() {
  return wire::encode_output_header({std::string(kMedia), 532}).value();
}
inline Bytes frame(std::string_view text) {
  Bytes out;
  wire::append_output_data(out, as_bytes(text));
  return out;
}
inline Bytes footer(int64_t refund) {
  return wire::encode_output_footer(wire::Currency::from_amount(refund).value());
}

inline int echo(int socket) {
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
  // Until it is so, for at most ten seconds.
  template <typename Condition>
  static bool soon(Condition condition) {
    const auto limit = within(10s);
    while (!condition() && process::Clock::now() < limit) std::this_thread::sleep_for(1ms);
    return condition();
  }
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

inline std::string get(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + fields + "\r\n";
}

struct PostFields {
  std::string media = "application/confsec-chunked-req";
  std::string key = to_base64(Bytes(120, 7));
  std::string amount = "262144";
  std::string path = "/";
};
inline std::string post(const std::string& body, const PostFields& fields = {}) {
  return "POST " + fields.path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: " + fields.media +
         "\r\nX-Encapsulated-Key: " + fields.key + "\r\nX-Credit-Amount: " + fields.amount +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// The head of a request whose body is still to come.
inline std::string announced(size_t length) {
  std::string request = post("");
  const std::string none = "Content-Length: 0";
  return request.replace(request.find(none), none.size(), "Content-Length: " + std::to_string(length));
}

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
inline std::string error_body(const std::string& message) {
  const Bytes bytes = wire::encode(wire::ErrorBody{message});
  return {bytes.begin(), bytes.end()};
}

}  // namespace openpcc::router_com
