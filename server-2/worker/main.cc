// compute_worker: see parent.h (the process that stays) and child.h (one for each request).
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "broker/protocol.h"
#include "process/harden.h"
#include "process/log.h"
#include "process/notify.h"
#include "process/unix_socket.h"
#include "process/user.h"
#include "worker/child.h"
#include "worker/config.h"
#include "worker/parent.h"
#include "worker/warm_up.h"

namespace openpcc::worker {
namespace {

constexpr auto kOfferLimit = std::chrono::milliseconds(200);

Status load(engine::Engine& engine, const Config& config) {
  for (const engine::ModelFile& model : config.embedded.models) {
    if (config.engine_type == "embedded" && ::access(model.path.c_str(), R_OK) != 0) {
      return fail(engine::kBadModel,
                  "the model " + model.path + " cannot be read by the user " + process::current_user().name);
    }
  }
  OPENPCC_TRY_STATUS(engine.load());
  OPENPCC_TRY_STATUS(warm_up());
  if (process::has_other_threads()) {
    return fail(process::kSystem, "the engine left threads behind: no child may be forked");
  }
  return {};
}

Status run(const std::string& config_path) {
  OPENPCC_TRY(const Config config, load_config(config_path));
  OPENPCC_TRY_STATUS(process::set_up_log("compute_worker", config.log_level));
  // What needs root comes first: the socket belongs to another user.
  OPENPCC_TRY(const process::User user,
              config.run_as.empty() ? process::current_user() : process::find_user(config.run_as));
  const std::string& peer_name = config.router_com_user.empty() ? config.run_as : config.router_com_user;
  OPENPCC_TRY(const uid_t router_com_uid, process::expected_uid(peer_name));
  OPENPCC_TRY(process::UniqueFd listener, process::listen_unix(config.socket, router_com_uid));
  // Plaintext has no way out: only the http engine needs a network. UNIX sockets keep working.
  if (config.engine_type != "http") {
    OPENPCC_TRY(const bool isolated, process::isolate_network());
    if (!isolated) spdlog::warn("no network namespace of its own: this takes root");
  }
  OPENPCC_TRY_STATUS(process::become(user));
  OPENPCC_TRY_STATUS(process::harden_process());
  if (user.uid == 0) spdlog::warn("running as root: no run_as is configured");
  if (user.uid == router_com_uid) spdlog::warn("router_com has the same user: development, it isolates less");
  if (config.badge_key.empty()) spdlog::info("no badge key is configured: requests need no badge");

  const auto engine = make_engine(config);
  const auto noop = engine::make_noop(config.model_names);
  spdlog::info("loading the engine {}", engine->name());
  OPENPCC_TRY_STATUS(load(*engine, config));
  OPENPCC_TRY_STATUS(noop->load());

  const ChildOptions child{
      .models = engine->models(),
      .badge_key = config.badge_key,
      .engine = engine.get(),
      .noop = noop.get(),
      .ask_broker = [](int broker, ByteView enc) { return broker::zgen_over(broker, enc); },
      .receive_limit = config.receive_timeout,
  };
  const ParentOptions options{
      .router_com_uid = router_com_uid,
      .max_workers = config.max_workers,
      .time_limit = config.request_timeout,
      .drain_limit = config.shutdown_timeout,
      .engine = std::string(engine->name()),
      .models = engine->models(),
  };
  BrokerLink link{
      .connect = [&] { return process::connect_unix(config.broker_socket, process::Clock::now()); },
      .offer_pair = [](int control, int end) { return broker::offer_pair(control, end, process::within(kOfferLimit)); },
  };
  const auto child_main = [&child](process::UniqueFd router, process::UniqueFd broker) {
    return serve_one_request(child, std::move(router), std::move(broker));
  };
  OPENPCC_TRY(Parent parent, Parent::create(std::move(listener), options, child_main, std::move(link)));
  spdlog::info("serving {} models at {} as {}", child.models.size(), config.socket, user.name);
  OPENPCC_TRY_STATUS(process::notify_ready());
  return parent.run();
}

}  // namespace
}  // namespace openpcc::worker

namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  compute_worker --config /etc/openpcc/compute_worker.yaml     before compute_boot, as root: it drops to run_as "
    "by itself\n"
    "\n"
    "Exit codes: 0 after SIGTERM, 1 when it cannot go on (start it again), 2 wrong usage.";

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Holds the model and serves each sealed request in a process of its own");
  app.footer(kExamples);
  std::string config = "config.yaml";
  app.add_option("--config", config, "the YAML configuration")->capture_default_str();
  app.set_version_flag("--version", "compute_worker " OPENPCC_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const auto done = openpcc::worker::run(config); !done) {
    spdlog::error("{}", done.error().message);
    return 1;
  }
  return 0;
}
