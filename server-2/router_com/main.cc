// router_com: takes the node's evidence from compute_boot, tells the router about the node, and passes sealed requests
// on to single-use workers.
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <future>

#include "process/harden.h"
#include "process/log.h"
#include "process/notify.h"
#include "process/signals.h"
#include "process/unix_socket.h"
#include "process/user.h"
#include "router_com/agent.h"
#include "router_com/node_handler.h"
#include "worker/ping.h"

namespace openpcc::router_com {
namespace {

constexpr auto kShutdownEventLimit = std::chrono::seconds(3);
constexpr auto kWorkerLimit = std::chrono::minutes(2);  // compute_boot has seen it serve already
constexpr auto kPingLimit = std::chrono::seconds(1);
constexpr auto kReadyPause = std::chrono::milliseconds(50);

// Each connection takes a descriptor, and one more while its request runs.
void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// Runs `task` on the loop's thread; true when it was done within the limit.
template <typename MakeTask>
bool run_on(net::Loop& loop, MakeTask make_task, net::Clock::duration limit) {
  auto done = std::make_shared<std::promise<void>>();
  auto future = done->get_future();
  net::asio::co_spawn(
      loop.io.get_executor(),
      [](MakeTask make, std::shared_ptr<std::promise<void>> promise) -> net::Task<void> {
        co_await make();
        promise->set_value();
      }(std::move(make_task), std::move(done)),
      net::asio::detached);
  return future.wait_for(limit) == std::future_status::ready;
}

// Until the worker has the TPM broker: a router that sent a request earlier would get an error. Nothing: a signal came.
Result<std::optional<worker::Pong>> wait_until_ready(const std::string& worker_socket, process::SignalFd& signals) {
  auto give_up = process::within(kWorkerLimit);
  for (bool said = false;;) {
    auto pong = worker::ping(worker_socket, process::within(kPingLimit));
    if (pong && pong->ready) return std::move(*pong);
    if (!pong && process::Clock::now() > give_up) {
      return fail(pong.error().code, "compute_worker does not answer: " + pong.error().message);
    }
    if (pong) {
      give_up = process::within(kWorkerLimit);
      if (!std::exchange(said, true)) spdlog::info("waiting until the TPM broker is there");
    }
    if (process::wait_for(signals.fd(), POLLIN, process::within(kReadyPause))) return std::nullopt;
  }
}

Status serve(const Config& config, process::SignalFd& signals, process::UniqueFd evidence_listener, uid_t sender,
             NodeState& state, net::Loops& loops, std::unique_ptr<Agent>& agent) {
  auto evidence =
      receive_evidence(evidence_listener.get(), sender, process::within(config.evidence_timeout), signals.fd());
  evidence_listener.reset();
  if (!evidence && evidence.error().code == kCancelled) return {};
  if (!evidence) return std::unexpected(std::move(evidence).error());
  spdlog::info("the evidence has come: {} pieces", evidence->list.size());
  state.set_rek_point(std::move(evidence->rek_point));

  AgentConfig agent_config = config.agent;
  OPENPCC_TRY_STATUS(process::notify_ready());
  OPENPCC_TRY(const auto pong, wait_until_ready(config.worker_socket, signals));
  if (!pong) return {};
  // What the node's sandbox lacks is for its clients to know.
  for (const std::string& layer : pong->without) agent_config.tags.push_back("sandbox-without=" + layer);
  Status created;
  run_on(
      loops[0],
      [&]() -> net::Task<void> {
        auto made = Agent::create(loops[0], agent_config, std::move(evidence->list));
        if (made) {
          agent = std::move(*made);
        } else {
          created = std::unexpected(std::move(made).error());
        }
        co_return;
      },
      net::Clock::duration::max() / 2);
  OPENPCC_TRY_STATUS(created);
  net::asio::co_spawn(loops[0].io.get_executor(), agent->run(), net::asio::detached);

  OPENPCC_TRY_STATUS(process::wait_for(signals.fd(), POLLIN, process::kForever));
  spdlog::info("stopping");
  run_on(
      loops[0], [&agent] { return agent->stop(); }, kShutdownEventLimit);
  return {};
}

Status run(const std::string& config_path) {
  OPENPCC_TRY(const Config config, load_config(config_path));
  OPENPCC_TRY_STATUS(process::set_up_log("router_com", config.log_level));
  OPENPCC_TRY(process::SignalFd signals, process::SignalFd::create({SIGTERM, SIGINT}));
  OPENPCC_TRY(const process::User user,
              config.run_as.empty() ? process::current_user() : process::find_user(config.run_as));
  const std::string& sender_name = config.evidence_user.empty() ? config.run_as : config.evidence_user;
  OPENPCC_TRY(const uid_t sender, process::expected_uid(sender_name));
  allow_many_descriptors();

  // Destroyed in the opposite order: the server before the agent, both before the loops they live on.
  NodeState state;
  Metrics metrics;
  net::Loops loops(config.threads);
  std::unique_ptr<Agent> agent;
  OPENPCC_TRY(process::UniqueFd evidence_listener, process::listen_unix(config.evidence_socket, sender));
  OPENPCC_TRY(const auto server, net::Server::listen(loops, config.http, [&](net::Loop& loop) {
                return std::make_unique<NodeHandler>(loop, config.worker_socket, state, metrics);
              }));
  std::unique_ptr<net::Server> metrics_server;
  if (config.metrics) {
    OPENPCC_TRY(metrics_server, net::Server::listen(loops, *config.metrics, [&](net::Loop& loop) {
                  return std::make_unique<MetricsHandler>(loop, config.worker_socket, metrics);
                }));
  }
  OPENPCC_TRY_STATUS(process::become(user));
  OPENPCC_TRY_STATUS(process::harden_process());
  if (user.uid == 0) spdlog::warn("running as root: no run_as is configured");
  loops.start();
  if (const auto interval = process::watchdog_interval())
    net::call_every(loops[0], *interval, process::notify_watchdog);
  spdlog::info("listening on {}:{} as {}, waiting for the evidence at {}", config.http.address, server->port(),
               user.name, config.evidence_socket);

  const Status served = serve(config, signals, std::move(evidence_listener), sender, state, loops, agent);
  if (!server->stop(served ? config.shutdown_timeout : net::Clock::duration::zero())) {
    spdlog::warn("requests were still running and are cut");
  }
  if (metrics_server) (void)metrics_server->stop(net::Clock::duration::zero());
  loops.stop();
  return served;
}

}  // namespace
}  // namespace openpcc::router_com

namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  router_com --config /etc/openpcc/router_com.yaml     before compute_boot, as root: it drops to run_as by "
    "itself\n"
    "\n"
    "Exit codes: 0 after SIGTERM, 1 when it cannot go on (start it again), 2 wrong usage.";

}  // namespace

int main(int argc, char** argv) {
  // A log whose reader is gone is no reason to end.
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app("The compute node's HTTP front: passes sealed requests on to single-use workers");
  app.footer(kExamples);
  std::string config = "config.yaml";
  app.add_option("--config", config, "the YAML configuration")->capture_default_str();
  app.set_version_flag("--version", "router_com " OPENPCC_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const auto done = openpcc::router_com::run(config); !done) {
    spdlog::error("{}", done.error().message);
    return 1;
  }
  return 0;
}
