#include "worker/parent.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "process/unix_socket.h"

namespace openpcc::worker {
namespace {

constexpr size_t kMaxConnections = 64;     // router_com has two for each of its event loops: requests, metrics
constexpr size_t kMaxRequestMessage = 64;  // nothing a peer may ask is longer
constexpr int kMessagesATurn = 64;         // of one connection, before the others have theirs
constexpr auto kConnectPause = std::chrono::milliseconds(50);

std::vector<std::string> names_of(const std::set<sandbox::Layer>& layers) {
  std::vector<std::string> names;
  names.reserve(layers.size());
  for (const sandbox::Layer layer : layers) names.emplace_back(sandbox::name_of(layer));
  return names;
}

ChildrenOptions counted(ChildrenOptions options, Metrics& metrics) {
  options.on_made = [&metrics](process::Clock::duration time) { metrics.made(time); };
  return options;
}

}  // namespace

Parent::Parent(process::UniqueFd listener, const sandbox::Sandbox& sandbox, ParentOptions options, ChildMain child_main,
               BrokerLink broker_link, process::SignalFd signals)
    : listener_(std::move(listener)),
      options_(std::move(options)),
      without_(names_of(sandbox.options().without)),
      metrics_(std::make_unique<Metrics>()),
      children_(sandbox, counted(options_.children, *metrics_), std::move(child_main)),
      broker_link_(std::move(broker_link)),
      signals_(std::move(signals)) {}

Result<Parent> Parent::create(process::UniqueFd listener, const sandbox::Sandbox& sandbox, ParentOptions options,
                              ChildMain child_main, BrokerLink broker_link) {
  OPENPCC_TRY(process::SignalFd signals, process::SignalFd::create({SIGTERM, SIGINT, SIGCHLD}));
  OPENPCC_TRY_STATUS(process::set_nonblocking(listener.get(), true));
  return Parent(std::move(listener), sandbox, std::move(options), std::move(child_main), std::move(broker_link),
                std::move(signals));
}

Status Parent::run() {
  while (!draining_ || (children_.running() != 0 && process::Clock::now() < drain_until_)) {
    connect_broker();
    watchdog_.tick();
    std::vector<pollfd> polled = {
        {signals_.fd(), POLLIN, 0}, {draining_ ? -1 : listener_.get(), POLLIN, 0}, {broker_.get(), POLLIN, 0}};
    for (const Connection& connection : connections_) {
      const short wanted = connection.outgoing.empty() ? POLLIN : POLLOUT;
      polled.push_back({connection.fd.get(), wanted, 0});
    }
    const int ready = ::poll(polled.data(), polled.size(), poll_timeout());
    if (ready < 0) {
      if (errno == EINTR) continue;
      return process::system_failure("poll");
    }
    // Whoever asks comes first: the next child is made while nobody does.
    if (ready == 0 && wants_child()) children_.add_one();
    // Connections first: the list is still as it was polled.
    auto it = connections_.begin();
    for (size_t i = 3; i < polled.size(); ++i) {
      const auto current = it++;
      if (polled[i].revents != 0 && !serve_connection(*current)) close_connection(current);
    }
    if (polled[2].revents != 0) lose_broker();  // it never sends: this is its end
    if (polled[0].revents != 0) OPENPCC_TRY_STATUS(handle_signals());
    if (polled[1].revents != 0) accept_connection();
    children_.kill_overdue();
    serve_queue();
  }
  children_.end_all();
  return {};
}

int Parent::poll_timeout() const {
  process::Deadline next = std::min(drain_until_, children_.next_overdue());
  if (!draining_) next = std::min(next, children_.next_refill());
  if (!broker_) next = std::min(next, process::within(kConnectPause));
  next = std::min(next, watchdog_.next());
  for (const Waiting& waiting : queue_) next = std::min(next, waiting.deadline);
  if (next == process::kForever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - process::Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

Status Parent::handle_signals() {
  while (true) {
    OPENPCC_TRY(const int number, signals_.next());
    if (number == 0) return {};
    if (number == SIGCHLD) {
      collect_children();
    } else if (draining_) {
      drain_until_ = process::Clock::now();  // asked twice: at once
    } else {
      spdlog::info("stopping; {} requests are running", children_.running());
      draining_ = true;
      drain_until_ = process::within(options_.drain_limit);
      listener_.reset();
      children_.kill_waiting();
    }
  }
}

// A child at work has a pair with the broker that was there; one that waits has none yet.
void Parent::connect_broker() {
  if (broker_ || draining_ || children_.running() != 0) return;
  auto connected = broker_link_.connect();
  if (!connected) return;  // it has not started yet; asked again soon
  broker_ = std::move(*connected);
  spdlog::info("connected to the TPM broker");
}

void Parent::lose_broker() {
  spdlog::error("the TPM broker closed its connection; {} running requests are ended", children_.running());
  broker_.reset();
  children_.kill_running();
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
  connections_.emplace_back(next_connection_++, std::move(*accepted));
}

Parent::Connection::Connection(uint64_t number, process::UniqueFd descriptor)
    : id(number), fd(std::move(descriptor)), incoming(kMaxRequestMessage) {}

bool Parent::serve_connection(Connection& connection) {
  for (int i = 0; i < kMessagesATurn; ++i) {
    const auto sent = connection.outgoing.flush(connection.fd.get());
    if (!sent) return false;
    if (!*sent) return true;
    auto message = connection.incoming.next(connection.fd.get());
    if (!message) {
      if (message.error().code == process::kPeerClosed) return false;
      spdlog::warn("a control connection is closed: {}", message.error().message);
      return false;
    }
    if (!*message) return true;
    if ((*message)->fd) {
      spdlog::warn("a control connection sent a descriptor; it is closed");
      return false;
    }
    if (!handle(connection, (*message)->body)) return false;
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
      return pong(connection, message->tag);
    case ControlType::kMetrics:
      return tell_metrics(connection, message->tag);
    case ControlType::kStart:
      return start(connection, message->tag);
    case ControlType::kCancel:
      // One that has been answered already is no error either.
      std::erase_if(queue_, [&](const Waiting& waiting) {
        return waiting.connection == connection.id && waiting.tag == message->tag;
      });
      return true;
    case ControlType::kStop:
      // One that has ended already is no error: the two messages crossed.
      children_.kill(message->child, connection.id);
      return true;
    default:
      spdlog::warn("a control connection sent an answer; it is closed");
      return false;
  }
}

bool Parent::pong(Connection& connection, uint32_t tag) {
  return send(connection, {.type = ControlType::kPong,
                           .tag = tag,
                           .engine = options_.engine,
                           .ready = static_cast<bool>(broker_),
                           .room = has_place(),
                           .models = options_.models,
                           .without = without_});
}

bool Parent::tell_metrics(Connection& connection, uint32_t tag) {
  metrics_->set_children(children_.running(), children_.waiting(), queue_.size());
  std::string text = metrics_->text();
  if (text.size() > kMaxText) text.clear();
  return send(connection, {.type = ControlType::kMetricsText, .tag = tag, .text = std::move(text)});
}

bool Parent::has_place() const {
  return !draining_ && (children_.has_room() || queue_.size() < options_.queue_length);
}

bool Parent::start(Connection& connection, uint32_t tag) {
  collect_children();  // one that has just ended makes room
  if (!draining_ && children_.has_room() && queue_.empty()) return start_now(connection, tag);
  if (draining_ || queue_.size() >= options_.queue_length) {
    metrics_->busy();
    return send(connection, {.type = ControlType::kBusy, .tag = tag});
  }
  queue_.push_back({connection.id, tag, process::within(options_.queue_limit)});
  return true;
}

bool Parent::start_now(Connection& connection, uint32_t tag) {
  auto taken = take_child(connection.id);
  if (!taken) {
    spdlog::error("no child could be started: {}", taken.error().message);
    metrics_->failed();
    return send(connection, {.type = ControlType::kFailed, .tag = tag});
  }
  return send(connection, {.type = ControlType::kStarted, .tag = tag, .child = taken->id}, std::move(taken->router));
}

Result<Children::Taken> Parent::take_child(uint64_t owner) {
  connect_broker();
  if (!broker_) return fail(process::kPeerClosed, "there is no connection to the TPM broker");
  OPENPCC_TRY(Children::Taken taken, children_.take(owner));
  if (auto offered = broker_link_.offer_pair(broker_.get(), taken.broker.get()); !offered) {
    children_.kill(taken.id, owner);
    return std::unexpected(std::move(offered).error());
  }
  return taken;
}

void Parent::serve_queue() {
  if (!queue_.empty()) collect_children();  // whose end makes room, but whose signal is still to be read
  const auto now = process::Clock::now();
  while (!queue_.empty()) {
    const Waiting waiting = queue_.front();
    const bool over = draining_ || waiting.deadline <= now;
    if (!over && !children_.has_room()) return;
    queue_.pop_front();
    Connection* connection = find(waiting.connection);
    if (connection == nullptr) continue;
    if (over) metrics_->busy();
    const bool sent = over ? send(*connection, {.type = ControlType::kBusy, .tag = waiting.tag})
                           : start_now(*connection, waiting.tag);
    // A peer that takes nothing any more is noticed where it is read.
    if (!sent) ::shutdown(connection->fd.get(), SHUT_RDWR);
  }
}

void Parent::close_connection(Connections::iterator it) {
  children_.kill_all_of(it->id);
  std::erase_if(queue_, [&](const Waiting& waiting) { return waiting.connection == it->id; });
  connections_.erase(it);
}

void Parent::collect_children() {
  for (const Children::Ended& ended : children_.reap()) {
    metrics_->ended(ended);
    Connection* connection = find(ended.owner);
    if (connection == nullptr) continue;
    const ControlMessage message{
        .type = ControlType::kEnded, .child = ended.id, .ending = ended.ending, .code = ended.code};
    if (!send(*connection, message)) ::shutdown(connection->fd.get(), SHUT_RDWR);
  }
}

Parent::Connection* Parent::find(uint64_t id) {
  const auto found =
      std::find_if(connections_.begin(), connections_.end(), [id](const Connection& one) { return one.id == id; });
  return found == connections_.end() ? nullptr : &*found;
}

bool Parent::send(Connection& connection, const ControlMessage& message, process::UniqueFd fd) {
  connection.outgoing.push(encode(message), std::move(fd));
  return connection.outgoing.flush(connection.fd.get()).has_value();
}

}  // namespace openpcc::worker
