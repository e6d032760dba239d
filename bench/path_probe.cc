// The cost of privacy: one request to the noop engine through the whole private path (client library, router, node),
// and the same request to the same engine behind a plain HTTP server, alternating, in one run.
//
//   path_probe ROUTER_URL MODEL DEV_SECRET REQUESTS      (bench/path.py starts what it needs)
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "bhttp/message.h"
#include "engine/engine.h"
#include "net/asio.h"
#include "net/blocking_client.h"
#include "net/loop.h"
#include "net/server.h"
#include "openpcc/client.h"

namespace {

using namespace openpcc;
using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "path_probe: %s\n", what.c_str());
  std::exit(1);
}

class Collect : public engine::ResponseSink {
 public:
  Status head(int status, const std::vector<bhttp::Field>&, std::optional<uint64_t>) override {
    status_ = status;
    return {};
  }
  Status content(ByteView bytes) override {
    append(body_, bytes);
    return {};
  }
  int status_ = 500;
  Bytes body_;
};

// The engine as it would stand behind an ordinary HTTP server.
class PlainHandler : public net::Handler {
 public:
  explicit PlainHandler(const std::string& model) : engine_(engine::make_noop({model})) {}
  net::Task<void> handle(net::Exchange& exchange) override {
    const auto body = co_await exchange.read_all(size_t{1} << 20);
    if (!body) co_return;
    const Collect answer = ask(exchange.request().target, *body);
    const net::ResponseHead head = head_of(answer);
    const ByteView bytes = answer.body_;
    (void)co_await exchange.respond(head, bytes);
  }

 private:
  // Apart from the coroutine, in which g++ 12 miscompiles temporaries.
  Collect ask(const std::string& path, ByteView body) {
    Collect answer;
    (void)engine_->handle({.path = path, .body = body}, answer);
    return answer;
  }
  static net::ResponseHead head_of(const Collect& answer) {
    return {answer.status_, {{"Content-Type", "application/json"}}};
  }

  std::unique_ptr<engine::Engine> engine_;
};

class FirstByte : public ResponseEvents {
 public:
  bool on_body(std::string_view bytes) override {
    if (size_ == 0) first_ = Clock::now();
    size_ += bytes.size();
    return true;
  }
  Clock::time_point first_;
  size_t size_ = 0;
};

struct Samples {
  std::vector<double> milliseconds;
  void add(Clock::duration time) { milliseconds.push_back(std::chrono::duration<double, std::milli>(time).count()); }
  double at(double share) {
    std::ranges::sort(milliseconds);
    return milliseconds[static_cast<size_t>(share * static_cast<double>(milliseconds.size() - 1))];
  }
  void print(const char* name) { std::printf("%-34s %8.3f %8.3f %8.3f\n", name, at(0.1), at(0.5), at(0.9)); }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) die("usage: path_probe ROUTER_URL MODEL DEV_SECRET REQUESTS");
  const std::string model = argv[2];
  const int requests = std::atoi(argv[4]);  // NOLINT(cert-err34-c): of our own script

  net::Loops loops(1);
  auto server = net::Server::listen(loops, {.address = "127.0.0.1"},
                                    [&](net::Loop&) { return std::make_unique<PlainHandler>(model); });
  if (!server) die(server.error().message);
  loops.start();
  auto plain_url = net::parse_url("http://127.0.0.1:" + std::to_string((*server)->port()) + "/v1/chat/completions");
  if (!plain_url) die(plain_url.error().message);
  net::BlockingHttpClient plain;

  ClientOptions options;
  options.router_url = argv[1];
  options.tags = {"llm", "model=" + model};
  options.dev_attestation = {.insecure_accept = true, .secret = argv[3]};
  auto client = Client::create(options);
  if (!client) die(client.error().message);

  const nlohmann::json body = {{"model", model},
                               {"messages", {{{"role", "user"}, {"content", std::string(2048, 'x')}}}}};
  Request request;
  request.path = "/v1/chat/completions";
  request.body = body.dump();

  Samples private_path, private_first, plain_call, verification;
  for (int i = -5; i < requests; ++i) {  // the first ones fill caches
    FirstByte events;
    auto start = Clock::now();
    const auto summary = client->send(request, events);
    const auto took = Clock::now() - start;
    if (!summary || summary->status != 200) die(summary ? "the node refused" : summary.error().message);
    start = Clock::now();
    const auto answer =
        plain.fetch({.method = "POST", .url = *plain_url, .body = as_bytes(request.body)}, size_t{1} << 20);
    const auto plain_took = Clock::now() - start;
    if (!answer || answer->head.status != 200) die("the plain call failed");
    if (i < 0) continue;
    private_path.add(took);
    private_first.add(events.first_ - (start - took));
    plain_call.add(plain_took);
    if (summary->verification.count() > 0) verification.add(summary->verification);
  }
  (*server)->stop(std::chrono::seconds(1));
  loops.stop();
  std::printf("%-34s %8s %8s %8s   (%d requests, alternating)\n", "milliseconds", "p10", "median", "p90", requests);
  plain_call.print("plain HTTP call to the engine");
  private_path.print("whole private path");
  private_first.print("  of it, to the first byte");
  if (!verification.milliseconds.empty()) verification.print("  verification, when not cached");
  std::printf("%-34s %8s %8.3f\n", "added by the private path", "", private_path.at(0.5) - plain_call.at(0.5));
  return 0;
}
