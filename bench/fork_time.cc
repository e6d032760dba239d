// fork_time MODEL.gguf CONTEXT_TOKENS FORKS: loads a model as the worker's parent does and forks; prints one JSON
// object. Only what the parent waits for is timed, the call of fork(): children end at once.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace {

using namespace openpcc;
using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "fork_time: %s\n", what.c_str());
  std::exit(1);
}

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// In MB.
double of_proc(const char* file, const std::string& key) {
  std::ifstream stream(std::string("/proc/self/") + file);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with(key + ":")) return std::strtod(line.c_str() + key.size() + 1, nullptr) / 1024;
  }
  return 0;
}

double one_fork() {
  const auto start = Clock::now();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  const double took = milliseconds_since(start);
  if (child < 0) die("fork failed");
  ::waitpid(child, nullptr, 0);
  return took;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) die("usage: fork_time MODEL.gguf CONTEXT_TOKENS FORKS");
  engine::EmbeddedConfig config;
  config.models = {{.name = "m", .path = argv[1]}};
  config.context_tokens = static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10));
  const auto engine = engine::make_embedded(config);
  const auto start = Clock::now();
  if (const auto loaded = engine->load(); !loaded) die(loaded.error().message);
  const double load_ms = milliseconds_since(start);
  std::vector<double> forks;
  (void)one_fork();  // the first one finds the parent's page tables out of every cache
  for (int i = std::max(std::atoi(argv[3]), 1); i > 0; --i) forks.push_back(one_fork());  // NOLINT(cert-err34-c)
  std::ranges::sort(forks);
  const nlohmann::json result = {{"load_ms", load_ms},
                                 {"fork_ms", forks[forks.size() / 2]},
                                 {"fork_min_ms", forks.front()},
                                 {"fork_max_ms", forks.back()},
                                 {"forks", forks.size()},
                                 {"rss_mb", of_proc("status", "VmRSS")},
                                 {"huge_mb", of_proc("smaps_rollup", "AnonHugePages")}};
  std::puts(result.dump().c_str());
  return 0;
}
