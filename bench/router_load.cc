// router_load: load for a router or a reverse proxy, and a node to stand behind it (bench/routers.py runs both).
//
//   router_load stub                    prints its port; a node without a TPM that answers with what it was sent
//   router_load load --port P …         keeps connections busy, one request after the other on each, and prints one
//   JSON object
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "net/raw_peer_for_testing.h"
#include "stub_node.h"

namespace {

using namespace openpcc;
using Clock = std::chrono::steady_clock;

struct Load {
  uint16_t port = 0;
  int requests = 1000;
  int connections = 1;
  size_t body_bytes = 1024;
  std::string body_file;            // instead of body_bytes: what to send
  std::vector<std::string> fields;  // "Name: value", of every request
  std::string credits_file;         // one a line; each request takes the next one, since a credit is good once
  size_t skip_credits = 0;
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "router_load: %s\n", what.c_str());
  std::exit(1);
}

std::vector<std::string> read_credits(const Load& load) {
  if (load.credits_file.empty()) return {};
  std::ifstream in(load.credits_file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  const size_t needed = load.skip_credits + static_cast<size_t>(load.requests);
  if (lines.size() < needed) {
    die(load.credits_file + ": " + std::to_string(lines.size()) + " credits, " + std::to_string(needed) + " needed");
  }
  return lines;
}

struct Outcome {
  std::vector<double> whole, first;  // milliseconds to the end of the answer, and to the first byte of its body
  int failed = 0;
};

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

std::string body_of(const Load& load) {
  if (load.body_file.empty()) return std::string(load.body_bytes, 'x');
  std::ifstream in(load.body_file, std::ios::binary);
  if (!in) die(load.body_file + " cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

// A chunked 200, whole, with its trailers. `on_first` is called when the first byte of its body is there.
template <typename OnFirst>
bool read_answer(net::RawPeer& peer, OnFirst on_first) {
  if (!peer.read_until("\r\n\r\n").starts_with("HTTP/1.1 200")) return false;
  std::string line = peer.read_until("\r\n");
  on_first();
  while (line.ends_with("\r\n") && line != "0\r\n") {
    size_t size = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    if (error != std::errc() || *end != '\r' || !peer.read_size(size + 2)) return false;
    line = peer.read_until("\r\n");
  }
  do {
    line = peer.read_until("\r\n");
    if (!line.ends_with("\r\n")) return false;
  } while (line != "\r\n");
  return true;
}

// Requests `first`, `first + step`, … up to the last one, on one connection (a new one after a failure).
Outcome drive(const Load& load, const std::vector<std::string>& credits, int first, int step) {
  std::string fixed = "POST / HTTP/1.1\r\nHost: router\r\n";
  for (const auto& field : load.fields) fixed += field + "\r\n";
  const std::string body = body_of(load);
  fixed += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  Outcome outcome;
  std::optional<net::RawPeer> peer;
  for (int i = first; i < load.requests; i += step) {
    std::string request = fixed;
    if (!credits.empty()) request += "X-Credit: " + credits[load.skip_credits + static_cast<size_t>(i)] + "\r\n";
    request += "\r\n" + body;
    const auto begin = Clock::now();
    if (!peer) peer.emplace(net::RawPeer::connect(load.port));
    double first_byte = 0;
    if (!peer->send(request) || !read_answer(*peer, [&] { first_byte = milliseconds_since(begin); })) {
      ++outcome.failed;
      peer.reset();  // the optional: the next request has a connection of its own
      continue;
    }
    outcome.whole.push_back(milliseconds_since(begin));
    outcome.first.push_back(first_byte);
  }
  return outcome;
}

int run_load(const Load& load) {
  const auto credits = read_credits(load);
  std::vector<Outcome> outcomes(static_cast<size_t>(load.connections));
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  threads.reserve(outcomes.size());
  for (int i = 0; i < load.connections; ++i) {
    threads.emplace_back([&, i] { outcomes[static_cast<size_t>(i)] = drive(load, credits, i, load.connections); });
  }
  for (auto& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::vector<double> whole, first_bytes;
  int failed = 0;
  for (const auto& outcome : outcomes) {
    whole.insert(whole.end(), outcome.whole.begin(), outcome.whole.end());
    first_bytes.insert(first_bytes.end(), outcome.first.begin(), outcome.first.end());
    failed += outcome.failed;
  }
  std::ranges::sort(whole);
  std::ranges::sort(first_bytes);
  const auto at = [](const std::vector<double>& sorted, double share) {
    return sorted.empty() ? 0.0 : sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
  };
  const nlohmann::json result = {{"answered", whole.size()},
                                 {"failed", failed},
                                 {"seconds", seconds},
                                 {"per_second", static_cast<double>(whole.size()) / seconds},
                                 {"p50_ms", at(whole, 0.5)},
                                 {"p99_ms", at(whole, 0.99)},
                                 {"first_p50_ms", at(first_bytes, 0.5)},
                                 {"first_p99_ms", at(first_bytes, 0.99)}};
  std::puts(result.dump().c_str());
  return 0;
}

int run_stub(const std::string& refund) {
  net::Loops loops(1);
  net::ServerOptions options;
  options.address = "127.0.0.1";
  auto server =
      net::Server::listen(loops, options, [&](net::Loop&) { return std::make_unique<bench::StubNode>(refund); });
  if (!server) die(server.error().message);
  loops.start();
  std::printf("%u\n", static_cast<unsigned>((*server)->port()));
  std::fflush(stdout);
  while (true) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Load for a router, and a node behind it", "router_load");
  app.require_subcommand(1);
  std::string refund;
  auto* stub = app.add_subcommand("stub", "A node that answers with what it was sent");
  stub->add_option("--refund", refund, "X-Refund-Amount of every answer");
  Load load;
  auto* drive_command = app.add_subcommand("load", "Requests on some connections");
  drive_command->add_option("--port", load.port)->required();
  drive_command->add_option("--requests", load.requests);
  drive_command->add_option("--connections", load.connections);
  drive_command->add_option("--body", load.body_bytes);
  drive_command->add_option("--body-file", load.body_file);
  drive_command->add_option("--field", load.fields)->take_all();
  drive_command->add_option("--credits", load.credits_file);
  drive_command->add_option("--skip-credits", load.skip_credits);
  CLI11_PARSE(app, argc, argv);
  return stub->parsed() ? run_stub(refund) : run_load(load);
}
