// The look at the engine, against a worker and an HTTP server that answer as they are told.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "compute_boot/boot.h"
#include "process/message.h"
#include "process/testing.h"
#include "process/unix_socket.h"
#include "worker/protocol.h"

namespace openpcc::compute_boot {
namespace {

using process::within;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Answers one ping.
class WorkerForTesting {
 public:
  WorkerForTesting(const std::string& path, std::string engine, std::vector<std::string> models) {
    auto listener = process::listen_unix(path, ::geteuid());
    EXPECT_TRUE(listener) << listener.error().message;
    thread_ = std::thread([listener = std::move(*listener), engine = std::move(engine), models = std::move(models)] {
      auto connection = process::accept_unix(listener.get(), within(seconds(5)));
      if (!connection) return;
      const auto ping = process::receive_message(connection->get(), worker::kMaxControlMessage, within(seconds(5)));
      if (!ping) return;
      const auto message = worker::parse_control(ping->body);
      if (!message) return;
      (void)process::send_message(
          connection->get(),
          worker::encode({.type = worker::ControlType::kPong, .tag = message->tag, .engine = engine, .models = models}),
          within(seconds(5)));
    });
  }
  ~WorkerForTesting() { thread_.join(); }

 private:
  std::thread thread_;
};

// Answers each request with the next status, then with the last one; keeps what it was asked.
class HttpServerForTesting {
 public:
  explicit HttpServerForTesting(std::vector<int> statuses) : statuses_(std::move(statuses)) {
    listener_ = process::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpServerForTesting() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }  // once it is stopped or quiet

 private:
  void serve() {
    while (!stop_) {
      auto connection = process::accept_unix(listener_.get(), within(milliseconds(50)));
      if (!connection) continue;
      std::string text;
      while (!complete(text)) {
        std::array<uint8_t, 4096> buffer{};
        const auto got = process::receive_some(connection->get(), buffer, within(seconds(5)));
        if (!got || *got == 0) break;
        text += as_text(ByteView(buffer).first(*got));
      }
      requests_.push_back(text);
      const size_t index = std::min(requests_.size(), statuses_.size()) - 1;
      const std::string answer =
          "HTTP/1.1 " + std::to_string(statuses_[index]) + " Any\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
      (void)process::send_all(connection->get(), as_bytes(answer), within(seconds(5)));
    }
  }
  static bool complete(const std::string& text) {
    const size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    return text.starts_with("GET") || text.ends_with("}");
  }

  std::vector<int> statuses_;
  process::UniqueFd listener_;
  uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::vector<std::string> requests_;
  std::thread thread_;
};

EngineConfig engine_config(EngineKind kind, const std::string& type) {
  return {.type = type,
          .kind = kind,
          .skip = false,
          .models = {{.name = "a", .path = {}, .sha256 = {}}, {.name = "b", .path = {}, .sha256 = {}}},
          .url = {},
          .worker_socket = {},
          .ready_timeout = seconds(2)};
}

class EngineCheckTest : public ::testing::Test {
 protected:
  Status check(const std::string& engine, std::vector<std::string> models) {
    EngineConfig config = engine_config(EngineKind::kNoop, "noop");
    config.worker_socket = directory_.file("worker.sock");
    const WorkerForTesting worker(config.worker_socket, engine, std::move(models));
    return check_engine(config);
  }
  process::TemporaryDirectory directory_;
};

TEST_F(EngineCheckTest, WorkerMustServeExactlyTheMeasuredModels) {
  const Status good = check("noop", {"b", "a"});
  EXPECT_TRUE(good) << good.error().message;
  EXPECT_EQ(check("noop", {"a"}).error().code, kEngineDown);
  EXPECT_EQ(check("noop", {"a", "c"}).error().code, kEngineDown);
  EXPECT_EQ(check("noop", {"a", "b", "c"}).error().code, kEngineDown);
  EXPECT_EQ(check("embedded", {"a", "b"}).error().code, kEngineDown);
}

TEST_F(EngineCheckTest, NoWorkerIsAnErrorAfterTheTimeLimit) {
  EngineConfig config = engine_config(EngineKind::kNoop, "noop");
  config.worker_socket = directory_.file("nobody.sock");
  config.ready_timeout = milliseconds(100);
  EXPECT_EQ(check_engine(config).error().code, kEngineDown);
  config.skip = true;
  EXPECT_TRUE(check_engine(config));
}

TEST_F(EngineCheckTest, HttpServerIsPrewarmedWithEachModel) {
  const HttpServerForTesting server({503, 200, 200, 200});
  EngineConfig config = engine_config(EngineKind::kHttp, "vllm");
  config.url = server.url();
  config.ready_timeout = seconds(20);
  const Status done = check_engine(config);
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_EQ(server.requests().size(), 4U);
  EXPECT_TRUE(server.requests()[1].starts_with("GET /health HTTP/1.1\r\n"));
  EXPECT_TRUE(server.requests()[2].starts_with("POST /v1/completions HTTP/1.1\r\n"));
  EXPECT_NE(server.requests()[2].find(R"({"max_tokens":10,"model":"a","prompt":"Ping","stream":false})"),
            std::string::npos);
  EXPECT_NE(server.requests()[3].find(R"("model":"b")"), std::string::npos);
}

TEST_F(EngineCheckTest, HttpServerThatCannotGenerateIsDown) {
  const HttpServerForTesting server({200, 404});
  EngineConfig config = engine_config(EngineKind::kHttp, "ollama");
  config.url = server.url();
  EXPECT_EQ(check_engine(config).error().code, kEngineDown);
  EXPECT_TRUE(server.requests()[0].starts_with("GET / HTTP/1.1\r\n"));
}

TEST_F(EngineCheckTest, HttpServerMaySayItAtEitherPlace) {
  const HttpServerForTesting server(
      {404, 503, 404, 200, 200});  // llama-server without its user interface, while it loads
  EngineConfig config = engine_config(EngineKind::kHttp, "http");
  config.url = server.url();
  config.ready_timeout = seconds(20);
  const Status done = check_engine(config);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(server.requests()[0].starts_with("GET / HTTP/1.1\r\n"));
  EXPECT_TRUE(server.requests()[3].starts_with("GET /health HTTP/1.1\r\n"));
}

TEST_F(EngineCheckTest, HttpServerThatIsNotThereIsDown) {
  EngineConfig config = engine_config(EngineKind::kHttp, "ollama");
  config.url = "http://127.0.0.1:1";
  config.ready_timeout = milliseconds(200);
  EXPECT_EQ(check_engine(config).error().code, kEngineDown);
}

}  // namespace
}  // namespace openpcc::compute_boot
