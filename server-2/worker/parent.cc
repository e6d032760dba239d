#include "worker/parent.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/byte_io.h"
#include "process/harden.h"
#include "process/message.h"
#include "process/unix_socket.h"

namespace openpcc::worker {
namespace {

constexpr size_t kMaxConnections = 64;     // router_com has one for each of its event loops
constexpr size_t kMaxRequestMessage = 64;  // nothing a peer may ask is longer
constexpr auto kSendLimit = std::chrono::milliseconds(200);
constexpr auto kConnectPause = std::chrono::milliseconds(50);
constexpr uint64_t kChildDescriptors = 64;

}  // namespace

Parent::Parent(process::UniqueFd listener, ParentOptions options, ChildMain child_main, BrokerLink broker_link,
               process::SignalFd signals)
    : listener_(std::move(listener)),
      options_(std::move(options)),
      child_main_(std::move(child_main)),
      broker_link_(std::move(broker_link)),
      signals_(std::move(signals)) {}

Result<Parent> Parent::create(process::UniqueFd listener, ParentOptions options, ChildMain child_main,
                              BrokerLink broker_link) {
  OPENPCC_TRY(process::SignalFd signals, process::SignalFd::create({SIGTERM, SIGINT, SIGCHLD}));
  OPENPCC_TRY_STATUS(process::set_nonblocking(listener.get(), true));
  return Parent(std::move(listener), std::move(options), std::move(child_main), std::move(broker_link),
                std::move(signals));
}

Status Parent::run() {
  while (!draining_ || (!children_.empty() && process::Clock::now() < drain_until_)) {
    connect_broker();
    std::vector<pollfd> polled = {
        {signals_.fd(), POLLIN, 0}, {draining_ ? -1 : listener_.get(), POLLIN, 0}, {broker_.get(), POLLIN, 0}};
    for (const Connection& connection : connections_) polled.push_back({connection.fd.get(), POLLIN, 0});
    if (::poll(polled.data(), polled.size(), poll_timeout()) < 0) {
      if (errno == EINTR) continue;
      return process::system_failure("poll");
    }
    // Connections first: the list is still as it was polled.
    auto it = connections_.begin();
    for (size_t i = 3; i < polled.size(); ++i) {
      const auto current = it++;
      if (polled[i].revents != 0 && !read_connection(*current)) close_connection(current);
    }
    if (polled[2].revents != 0) lose_broker();  // it never sends: this is its end
    if (polled[0].revents != 0) OPENPCC_TRY_STATUS(handle_signals());
    if (polled[1].revents != 0) accept_connection();
    kill_overdue();
  }
  for (auto& [id, child] : children_) kill_child(child);
  for (auto& [id, child] : children_) ::waitpid(child.pid, nullptr, 0);
  return {};
}

int Parent::poll_timeout() const {
  process::Deadline next = drain_until_;
  if (!broker_) next = std::min(next, process::within(kConnectPause));
  for (const auto& [id, child] : children_) {
    if (!child.killed) next = std::min(next, child.deadline);
  }
  if (next == process::kForever) return -1;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next - process::Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left + 1, 0, 60'000));
}

Status Parent::handle_signals() {
  while (true) {
    OPENPCC_TRY(const int number, signals_.next());
    if (number == 0) return {};
    if (number == SIGCHLD) {
      reap();
    } else if (draining_) {
      drain_until_ = process::Clock::now();  // asked twice: at once
    } else {
      spdlog::info("stopping; {} requests are running", children_.size());
      draining_ = true;
      drain_until_ = process::within(options_.drain_limit);
      listener_.reset();
    }
  }
}

void Parent::connect_broker() {
  if (broker_ || draining_ || !children_.empty()) return;
  auto connected = broker_link_.connect();
  if (!connected) return;  // it has not started yet; asked again soon
  broker_ = std::move(*connected);
  spdlog::info("connected to the TPM broker");
}

void Parent::lose_broker() {
  spdlog::error("the TPM broker closed its connection; {} running requests are ended", children_.size());
  broker_.reset();
  for (auto& [id, child] : children_) kill_child(child);
}

void Parent::accept_connection() {
  auto accepted = process::accept_unix(listener_.get(), process::Clock::now());
  if (!accepted) return;
  if (const auto peer = process::expect_peer(accepted->get(), options_.router_com_uid); !peer) {
    spdlog::warn("refused a connection: {}", peer.error().message);
    return;
  }
  if (connections_.size() >= kMaxConnections) {
    spdlog::warn("refused a connection: {} are open already", connections_.size());
    return;
  }
  Connection connection;
  connection.id = next_id_++;
  connection.fd = std::move(*accepted);
  connections_.push_back(std::move(connection));
}

bool Parent::read_connection(Connection& connection) {
  std::array<uint8_t, 4096> buffer{};
  auto got = process::receive_some(connection.fd.get(), buffer, process::Clock::now());
  if (!got) return got.error().code == process::kTimeout;
  if (*got == 0) return false;
  append(connection.pending, ByteView(buffer).first(*got));
  while (connection.pending.size() >= 4) {
    ByteReader reader(connection.pending);
    const uint32_t size = reader.u32().value_or(0);
    if (size > kMaxRequestMessage) {
      spdlog::warn("a control connection sent a message that is too long; it is closed");
      return false;
    }
    const auto message = reader.take(size);
    if (!message) return true;
    if (!handle(connection, *message)) return false;
    connection.pending.erase(connection.pending.begin(), connection.pending.begin() + 4 + size);
  }
  return true;
}

bool Parent::handle(Connection& connection, ByteView bytes) {
  const auto message = parse_control(bytes);
  if (!message) {
    spdlog::warn("a control connection is closed: {}", message.error().message);
    return false;
  }
  switch (message->type) {
    case ControlType::kPing:
      return send(
          connection,
          {.type = ControlType::kPong, .tag = message->tag, .engine = options_.engine, .models = options_.models});
    case ControlType::kStart:
      return start_child(connection, message->tag);
    case ControlType::kStop: {
      const auto child = children_.find(message->child);
      // One that has ended already is no error: the two messages crossed.
      if (child != children_.end() && child->second.connection == connection.id) kill_child(child->second);
      return true;
    }
    default:
      spdlog::warn("a control connection sent an answer; it is closed");
      return false;
  }
}

bool Parent::start_child(Connection& connection, uint32_t tag) {
  reap();  // a child that has just ended makes room
  if (draining_ || children_.size() >= options_.max_workers) {
    return send(connection, {.type = ControlType::kBusy, .tag = tag});
  }
  uint64_t id = 0;
  auto router_end = fork_child(connection, id);
  if (!router_end) {
    spdlog::error("no worker could be started: {}", router_end.error().message);
    return send(connection, {.type = ControlType::kFailed, .tag = tag});
  }
  return send(connection, {.type = ControlType::kStarted, .tag = tag, .child = id}, router_end->get());
}

Result<process::UniqueFd> Parent::fork_child(Connection& connection, uint64_t& id) {
  connect_broker();
  if (!broker_) return fail(process::kPeerClosed, "there is no connection to the TPM broker");
  OPENPCC_TRY(auto router, process::socket_pair());
  OPENPCC_TRY(auto broker, process::socket_pair());
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return process::system_failure("fork");
  if (pid == 0) be_child(parent, std::move(router.second), std::move(broker.second));
  router.second.reset();
  broker.second.reset();
  id = next_id_++;
  Child& child = children_[id];
  child.pid = pid;
  child.connection = connection.id;
  child.deadline = process::within(options_.time_limit);
  if (auto offered = broker_link_.offer_pair(broker_.get(), broker.first.get()); !offered) {
    child.connection = 0;  // nobody was told about it
    kill_child(child);
    return std::unexpected(std::move(offered).error());
  }
  return std::move(router.first);
}

void Parent::be_child(pid_t parent, process::UniqueFd router, process::UniqueFd broker) {
  process::restore_signals();
  const int keep[] = {router.get(), broker.get()};
  const auto ready = [&]() -> Status {
    OPENPCC_TRY_STATUS(process::die_with_parent(parent));
    OPENPCC_TRY_STATUS(process::close_all_but(keep));
    OPENPCC_TRY_STATUS(process::limit_resource(RLIMIT_NOFILE, kChildDescriptors));
    OPENPCC_TRY_STATUS(process::limit_resource(RLIMIT_CORE, 0));
    return {};
  }();
  if (!ready) {
    spdlog::error("a worker could not be set up: {}", ready.error().message);
    ::_exit(kExitFailed);
  }
  // Never back into the parent's code: its objects still stand here, with closed or reused descriptors.
  ::_exit(child_main_(std::move(router), std::move(broker)));
}

void Parent::close_connection(Connections::iterator it) {
  for (auto& [id, child] : children_) {
    if (child.connection == it->id) kill_child(child);
  }
  connections_.erase(it);
}

void Parent::kill_child(Child& child) {
  if (child.killed) return;
  child.killed = true;
  ::kill(child.pid, SIGKILL);  // not reaped yet, so the pid is still this child's
}

void Parent::reap() {
  for (auto it = children_.begin(); it != children_.end();) {
    int status = 0;
    if (::waitpid(it->second.pid, &status, WNOHANG) != it->second.pid) {
      ++it;
      continue;
    }
    const bool by_signal = WIFSIGNALED(status);
    const int code = by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
    if (by_signal && !it->second.killed) spdlog::error("a worker ended by signal {}", code);
    for (auto connection = connections_.begin(); connection != connections_.end(); ++connection) {
      if (connection->id != it->second.connection) continue;
      const ControlMessage ended{.type = ControlType::kEnded, .child = it->first, .by_signal = by_signal, .code = code};
      // A peer that takes nothing any more is noticed where it is read.
      if (!send(*connection, ended)) ::shutdown(connection->fd.get(), SHUT_RDWR);
      break;
    }
    it = children_.erase(it);
  }
}

void Parent::kill_overdue() {
  const auto now = process::Clock::now();
  for (auto& [id, child] : children_) {
    if (child.killed || child.deadline > now) continue;
    spdlog::warn("a worker reached the time limit and is ended");
    kill_child(child);
  }
}

bool Parent::send(Connection& connection, const ControlMessage& message, int fd) {
  return process::send_message(connection.fd.get(), encode(message), process::within(kSendLimit), fd).has_value();
}

}  // namespace openpcc::worker
