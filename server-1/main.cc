// openpcc-router: finds compute nodes and forwards what it cannot read.
#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <thread>

#include "process/log.h"
#include "process/notify.h"
#include "process/signals.h"
#include "process/user.h"
#include "router.h"

namespace {

using openpcc::Result;
using openpcc::Status;

constexpr int kOk = 0;
constexpr int kFailed = 1;  // it could not start, or requests had to be cut off at the end
constexpr int kUsage = 2;   // wrong command line or configuration

constexpr const char* kExamples = R"(Examples:
  openpcc-router                                   the defaults: port 3600, all addresses
  openpcc-router --config router.yaml              see server-1/config/router.yaml for every key
  openpcc-router --config router.yaml --check      read the configuration, say whether it is good, and end
  curl http://localhost:3600/_health               is it up?

SIGTERM or SIGINT: takes no more connections, lets requests end (http.shutdown_timeout), exits 0; exits 1 when some had
to be cut off. A second signal ends it at once.)";

int say(int code, const std::string& text) {
  std::fprintf(stderr, "openpcc-router: %s\n", text.c_str());
  return code;
}

Result<openpcc::router::Settings> load(const std::string& path) {
  if (path.empty()) {
    OPENPCC_TRY(const auto empty, openpcc::config::parse("", "defaults"));
    return openpcc::router::read_settings(empty);
  }
  OPENPCC_TRY(const auto root, openpcc::config::load_file(path));
  return openpcc::router::read_settings(root);
}

Result<int> wait_for_signal(openpcc::process::SignalFd& signals, openpcc::process::Deadline deadline) {
  OPENPCC_TRY_STATUS(openpcc::process::wait_for(signals.fd(), POLLIN, deadline));
  return signals.next();
}

int run(openpcc::router::Settings settings) {
  auto signals = openpcc::process::SignalFd::create({SIGTERM, SIGINT});
  if (!signals) return say(kFailed, signals.error().message);
  ::signal(SIGPIPE, SIG_IGN);
  const auto limit = settings.http.shutdown_timeout;
  const std::string run_as = settings.run_as;
  const std::string address = settings.http.address;
  const auto drop = [&run_as]() -> openpcc::Status {
    if (run_as.empty()) return {};
    OPENPCC_TRY([[maybe_unused]] const auto user, openpcc::process::become_configured(run_as));
    return {};
  };
  auto router = openpcc::router::Router::start(std::move(settings), drop);
  if (!router) {
    const auto code = router.error().code;
    const bool usage = code == openpcc::process::kBadUser || code == openpcc::process::kNotAllowed;
    return say(usage ? kUsage : kFailed, router.error().message);
  }
  spdlog::info("listening on {}:{}; payments: none", address, (*router)->port());
  if (const auto interval = openpcc::process::watchdog_interval()) {
    (*router)->call_every(*interval, openpcc::process::notify_watchdog);
  }
  if (const auto told = openpcc::process::notify_ready(); !told) spdlog::warn("{}", told.error().message);

  const auto first = wait_for_signal(*signals, openpcc::process::kForever);
  if (!first) return say(kFailed, first.error().message);
  spdlog::info("signal {}: ending", *first);
  bool clean = false;
  std::thread stopper([&] { clean = (*router)->stop(limit); });
  // The stopper ends by itself; a second signal does not wait for it.
  std::atomic<bool> stopped = false;
  std::thread watcher([&] {
    while (!stopped) {
      const auto again = wait_for_signal(*signals, openpcc::process::within(std::chrono::milliseconds(50)));
      if (again && *again != 0) ::_exit(kFailed);
    }
  });
  stopper.join();
  stopped = true;
  watcher.join();
  spdlog::info(clean ? "ended" : "ended; requests that were still going on were cut off");
  return clean ? kOk : kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("OpenPCC router: finds compute nodes and forwards sealed requests, which it cannot read.");
  app.footer(kExamples);
  std::string path;
  bool check = false;
  app.add_option("-c,--config", path, "YAML configuration file; without it, the defaults");
  app.add_flag("--check", check, "Read the configuration and end");
  app.set_version_flag("--version", "openpcc-router " OPENPCC_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  try {
    auto settings = load(path);
    if (!settings) return say(kUsage, settings.error().message);
    if (check) return kOk;
    if (const auto log = openpcc::process::set_up_log("openpcc-router", settings->log_level); !log) {
      return say(kUsage, log.error().message);
    }
    return run(*std::move(settings));
  } catch (const std::exception& error) {
    return say(kFailed, error.what());
  }
}
