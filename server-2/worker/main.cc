// compute_worker: see parent.h (the process that stays) and child.h (one for each request).
#include <linux/capability.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <thread>

#include "broker/protocol.h"
#include "process/harden.h"
#include "process/log.h"
#include "process/notify.h"
#include "process/privileges.h"
#include "process/unix_socket.h"
#include "process/user.h"
#include "worker/child.h"
#include "worker/config.h"
#ifdef OPENPCC_LEAKY_FOR_TESTING
#include "worker/leak_for_testing.h"
#endif
#include "worker/parent.h"
#include "worker/rehearsal.h"
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

bool has_layer(const Config& config, sandbox::Layer layer) {
  return !config.sandbox_without.contains(layer);
}

// Only the http engine needs a network, and its children get an empty one each, once they are connected.
bool needs_network(const Config& config) {
  return config.engine_type == "http";
}

Status drop_privileges(const Config& config, const process::User& user) {
  if (!needs_network(config) && has_layer(config, sandbox::Layer::kNetwork)) {
    OPENPCC_TRY(const bool isolated, process::isolate_network());
    if (!isolated) {
      return fail(sandbox::kUnavailable,
                  "the sandbox's layer 'network' is not available (a network namespace takes root); to run without it, "
                  "name it in sandbox.without");
    }
  }
  std::vector<int> kept;
  if (has_layer(config, sandbox::Layer::kUser)) kept = {CAP_SETUID, CAP_SETGID, CAP_KILL};
  if (needs_network(config) && has_layer(config, sandbox::Layer::kNetwork)) kept.push_back(CAP_SYS_ADMIN);
  OPENPCC_TRY_STATUS(process::become_keeping(user, kept));
  return process::harden_process();
}

sandbox::Options sandbox_options(const Config& config) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(config.request_timeout);
  return {
      .without = config.sandbox_without,
      .own_network = needs_network(config),
      .event_loop = needs_network(config),
      .memory_bytes = config.child_memory,
      // All processors at once, for as long as a request may take.
      .cpu_time = seconds * std::max(1U, std::thread::hardware_concurrency()),
      .max_threads = child_threads(config),
  };
}

Result<sandbox::Sandbox> make_sandbox(const Config& config) {
  OPENPCC_TRY(auto made, sandbox::Sandbox::create(sandbox_options(config)));
  OPENPCC_TRY_STATUS(made.try_out(config.first_uid));
  for (const sandbox::Layer layer : config.sandbox_without) {
    spdlog::warn("the sandbox is without its layer '{}': the configuration says so", sandbox::name_of(layer));
  }
  return made;
}

ChildrenOptions children_options(const Config& config, const std::string& config_path) {
  ChildrenOptions options;
  options.pool = needs_network(config) ? 0 : config.pool_size;  // a connection would not wait
  options.max_running = config.max_workers;
  options.time_limit = config.request_timeout;
  options.first_uid = config.first_uid;
  if (config.fresh_children) options.afresh = {"compute_worker", "--config", config_path};
  return options;
}

// A user id of a child's that somebody else has would be no layer at all: they could signal and trace each other.
Status check_child_users(const ChildrenOptions& options, std::initializer_list<uid_t> others) {
  for (size_t i = 0; i < options.users(); ++i) {
    const uid_t uid = options.first_uid + static_cast<uid_t>(i);
    const auto name = process::name_of_user(uid);
    if (!name && std::find(others.begin(), others.end(), uid) == others.end()) continue;
    return fail(process::kBadUser, "sandbox.first_uid: " + std::to_string(options.users()) + " user ids from " +
                                       std::to_string(options.first_uid) + " on are the children's alone, but " +
                                       std::to_string(uid) + " is " + name.value_or("of another part of the node"));
  }
  return {};
}

// What a child serves with, loaded by the parent or, afresh, by itself.
struct Service {
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<engine::Engine> noop;
  ChildOptions child;
};

Result<Service> load_service(const Config& config) {
  Service service;
  service.engine = make_engine(config);
  service.child.ask_broker = [](int broker, ByteView enc) { return broker::zgen_over(broker, enc); };
#ifdef OPENPCC_LEAKY_FOR_TESTING
  spdlog::warn("THIS BUILD LEAKS WHAT IT IS TOLD: for tests alone");
  service.engine = leak::leaky(std::move(service.engine));
  service.child.ask_broker = leak::leaky(std::move(service.child.ask_broker));
#endif
  service.noop = engine::make_noop(config.model_names);
  spdlog::info("loading the engine {}", service.engine->name());
  OPENPCC_TRY_STATUS(load(*service.engine, config));
  OPENPCC_TRY_STATUS(service.noop->load());
  service.child.models = service.engine->models();
  service.child.badge_key = config.badge_key;
  service.child.engine = service.engine.get();
  service.child.noop = service.noop.get();
  service.child.receive_limit = config.receive_timeout;
  service.child.min_flush_interval = config.min_flush_interval;
  // The answer of another server passes as it came.
  service.child.pad_lines = config.engine_type == "embedded" && config.pad_lines;
  return service;
}

// A child that was executed afresh (Children).
Status serve_afresh(const std::string& config_path, const std::string& text) {
  OPENPCC_TRY(FreshChild fresh, parse_fresh_child(text));
  OPENPCC_TRY(const Config config, load_config(config_path));
  OPENPCC_TRY_STATUS(process::set_up_log("compute_worker", config.log_level));
  OPENPCC_TRY_STATUS(process::harden_process());
  OPENPCC_TRY(const Service service, load_service(config));
  if (fresh.shares) {
    OPENPCC_TRY(const ThreadShare* share, ThreadShares::look(std::move(fresh.shares), fresh.slot));
    service.engine->limit_threads(*share);
  }
  OPENPCC_TRY(const sandbox::Sandbox sandbox, sandbox::Sandbox::create(sandbox_options(config)));
  if (!needs_network(config)) {  // else it was made for a request that waits already
    OPENPCC_TRY(const Rehearsal rehearsal, Rehearsal::create(service.child.models.front()));
    rehearse_or_say([&] { return rehearsal.run(service.child); });
  }
  serve_in_sandbox(
      sandbox, fresh.uid, fresh.parent, std::move(fresh.ends), [&service] { return service.engine->prepare(); },
      [&](ChildEnds ends) { return serve_one_request(service.child, std::move(ends)); });
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
  OPENPCC_TRY_STATUS(drop_privileges(config, user));
  if (user.uid == 0) spdlog::warn("running as root: no run_as is configured");
  if (user.uid == router_com_uid) spdlog::warn("router_com has the same user: development, it isolates less");
  if (config.badge_key.empty()) spdlog::info("no badge key is configured: requests need no badge");

  if (config.fresh_children && ::access(config_path.c_str(), R_OK) != 0) {
    return fail(process::kNotAllowed,
                "fresh_children: " + config_path + " cannot be read by the user " + user.name + ", as each child must");
  }
  ChildrenOptions children = children_options(config, config_path);
  if (has_layer(config, sandbox::Layer::kUser)) {
    OPENPCC_TRY_STATUS(check_child_users(children, {user.uid, router_com_uid}));
  }
  OPENPCC_TRY(const sandbox::Sandbox sandbox, make_sandbox(config));
  OPENPCC_TRY(const Service service, load_service(config));
  OPENPCC_TRY(const Rehearsal rehearsal, Rehearsal::create(service.child.models.front()));
  children.rehearse = [&] { return rehearsal.run(service.child); };
  children.prepare = [&service] { return service.engine->prepare(); };
  if (const uint32_t threads = engine_threads(config); threads > 1) {
    OPENPCC_TRY(ThreadShares shares, ThreadShares::create(children.users(), threads));
    children.shares = std::make_shared<ThreadShares>(std::move(shares));
    children.follow = [&service](const ThreadShare& share) { service.engine->limit_threads(share); };
  }
  const ParentOptions options{
      .router_com_uid = router_com_uid,
      .children = std::move(children),
      .queue_length = config.queue_length,
      .queue_limit = config.queue_timeout,
      .drain_limit = config.shutdown_timeout,
      .engine = std::string(service.engine->name()),
      .models = service.child.models,
  };
  BrokerLink link{
      .connect = [&] { return process::connect_unix(config.broker_socket, process::Clock::now()); },
      .offer_pair = [](int control, int end) { return broker::offer_pair(control, end, process::within(kOfferLimit)); },
  };
  const auto child_main = [&service](ChildEnds ends) { return serve_one_request(service.child, std::move(ends)); };
  OPENPCC_TRY(Parent parent, Parent::create(std::move(listener), sandbox, options, child_main, std::move(link)));
  spdlog::info("serving {} models at {} as {}", service.child.models.size(), config.socket, user.name);
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
  // A log whose reader is gone is no reason to end.
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app("Holds the model and serves each sealed request in a process of its own");
  app.footer(kExamples);
  std::string config = "config.yaml";
  app.add_option("--config", config, "the YAML configuration")->capture_default_str();
  std::string serve;
  app.add_option("--serve", serve, "")->group("");  // for the program's own children
  app.set_version_flag("--version", "compute_worker " OPENPCC_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto done = serve.empty() ? openpcc::worker::run(config) : openpcc::worker::serve_afresh(config, serve);
  if (!done) {
    spdlog::error("{}", done.error().message);
    return 1;
  }
  return 0;
}
