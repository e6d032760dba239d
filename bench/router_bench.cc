// router_bench: the router's own CPU time per proxied request, beside a stub node and clients in other processes.
//
//   router_bench [REQUESTS [CONNECTIONS [BODY_BYTES [THREADS]]]]      default 100000 32 1024 1
//
// Every request carries routing info with three candidates, as `pcc` sends it, and is answered with as many bytes,
// chunked and with a refund trailer, as router_com answers.
#include <sys/wait.h>
#include <time.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/base64.h"
#include "net/raw_peer_for_testing.h"
#include "net/server.h"
#include "router.h"
#include "stub_node.h"

namespace {

using namespace openpcc;
using namespace std::chrono_literals;

// Runs `serve` in a child, which writes its port into the pipe and then serves until it is killed.
template <typename Serve>
std::pair<pid_t, uint16_t> in_child(Serve serve) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) {
    const auto report = [&](uint16_t port) {
      if (::write(ends[1], &port, sizeof(port)) != sizeof(port)) std::abort();
      while (true) ::pause();
    };
    serve(report);
    std::_Exit(1);
  }
  uint16_t port = 0;
  ::close(ends[1]);
  if (::read(ends[0], &port, sizeof(port)) != sizeof(port)) std::abort();
  ::close(ends[0]);
  return {child, port};
}

double cpu_seconds(pid_t process) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &time) != 0) std::abort();
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

UuidV7 id(int number) {
  return UuidV7::generate(static_cast<uint64_t>(1'700'000'000'000 + number)).value();
}

std::string post(const std::string& path, const std::string& fields, std::string_view body) {
  return "POST " + path + " HTTP/1.1\r\nHost: router\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

int positive(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) {
    std::fprintf(stderr, "router_bench: '%s' is no number above 0\n", std::string(text).c_str());
    std::exit(2);
  }
  return number;
}

// One request after the other on one connection. False: an answer was not 200 or was cut.
bool ask(uint16_t port, const std::string& request, int times) {
  net::RawPeer peer = net::RawPeer::connect(port);
  for (int i = 0; i < times; ++i) {
    if (!peer.send(request)) return false;
    const std::string head = peer.read_until("\r\n\r\n");
    if (!head.starts_with("HTTP/1.1 200")) return false;
    if (!peer.read_until("0\r\n\r\n").ends_with("\r\n0\r\n\r\n")) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int index, int fallback) { return argc > index ? positive(argv[index]) : fallback; };
  const int requests = argument(1, 100'000);
  const int connections = argument(2, 32);
  const int size = argument(3, 1024);
  const int threads = argument(4, 1);

  const auto [node, node_port] = in_child([](auto report) {
    net::Loops loops(1);
    net::ServerOptions options;
    options.address = "127.0.0.1";
    auto server =
        net::Server::listen(loops, options, [](net::Loop&) { return std::make_unique<bench::StubNode>("CgIA8A=="); });
    loops.start();
    report((*server)->port());
  });
  const auto [router, router_port] = in_child([&](auto report) {
    router::Settings settings;
    settings.threads = static_cast<unsigned>(threads);
    settings.http.address = "127.0.0.1";
    settings.http.port = 0;
    settings.http.body_limit = 1 << 24;
    settings.healthchecker.interval = 500ms;
    settings.registry.grader.min_checks = 1;
    auto started = router::Router::start(settings);
    report((*started)->port());
  });

  const UuidV7 known = id(1);
  wire::RoutingInfo info;
  info.url = info.healthcheck_url = "http://127.0.0.1:" + std::to_string(node_port) + "/";
  info.tags = Tags::from({"llm"}).value();
  wire::NodeEvent event{known, 0, {std::time(nullptr), 0}, info};
  const Bytes heartbeat = wire::encode(event).value();
  {
    net::RawPeer peer = net::RawPeer::connect(router_port);
    peer.send(post("/node-events", "Content-Type: application/octet-stream\r\n", as_text(heartbeat)));
    peer.read_until("\r\n\r\n");
  }
  wire::ComputeRequestInfo candidates;
  for (const UuidV7& candidate : {id(2), known, id(3)}) candidates.candidates.push_back({candidate, Bytes(120, 1)});
  const std::string request = post("/",
                                   "Content-Type: application/confsec-chunked-req\r\nX-Routing-Info: " +
                                       to_base64(wire::encode(candidates).value()) + "\r\n",
                                   std::string(static_cast<size_t>(size), 'x'));
  for (int i = 0; i < 200 && !ask(router_port, request, 1); ++i) std::this_thread::sleep_for(50ms);
  if (!ask(router_port, request, 2000)) {
    std::fprintf(stderr, "router_bench: the node does not become routable\n");
    return 1;
  }

  std::atomic<int> failures = 0;
  const double before = cpu_seconds(router);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> clients;
  clients.reserve(static_cast<size_t>(connections));
  for (int i = 0; i < connections; ++i) {
    clients.emplace_back([&] {
      if (!ask(router_port, request, requests / connections)) ++failures;
    });
  }
  for (auto& client : clients) client.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const double cpu = cpu_seconds(router) - before;
  const int done = requests / connections * connections;
  std::printf("%d requests of %d bytes over %d connections, %d router thread(s): %.1f us of CPU and %.0f requests/s\n",
              done, size, connections, threads, cpu / done * 1e6, done / took.count());
  for (const pid_t child : {router, node}) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  return failures == 0 ? 0 : 1;
}
