#include "router_com/worker_link.h"

#include <spdlog/spdlog.h>

#include "process/message.h"
#include "process/unix_socket.h"

namespace openpcc::router_com {
namespace {

// The worker sends each message with one call: once its first byte is here, all of it is.
constexpr auto kWholeMessage = std::chrono::milliseconds(100);
constexpr auto kStartLimit = worker::kMaxQueueTime + std::chrono::seconds(5);

}  // namespace

// Somebody who waits for an answer with his tag, or for the end of a child.
struct WorkerLink::Waiting {
  explicit Waiting(net::Loop& loop) : event(loop.io), deadline(loop.deadlines, [this] { event.set(); }) {}
  net::Event event;
  net::Deadline deadline;
  std::optional<worker::ControlMessage> answer;
  process::UniqueFd fd;
};

struct WorkerLink::Connection {
  Connection(net::Loop& event_loop, process::UniqueFd fd)
      : loop(event_loop), socket(event_loop.io, net::asio::local::stream_protocol(), fd.release()) {}

  void dispatch(process::Message message) {
    auto control = worker::parse_control(message.body);
    if (!control) return close(control.error().message);
    if (control->type == worker::ControlType::kEnded) {
      if (const auto found = waiting_for_end.find(control->child); found != waiting_for_end.end()) {
        found->second->answer = std::move(*control);
        found->second->event.set();
      } else if (const auto child = children.find(control->child); child != children.end()) {
        child->second = std::move(*control);
      }
      return;
    }
    const auto found = waiting_for_answer.find(control->tag);
    if (found == waiting_for_answer.end()) {
      // Whoever asked has given up: a child that came too late is stopped, and its socket closed here.
      if (control->type == worker::ControlType::kStarted) stop(control->child);
      return;
    }
    if (control->type == worker::ControlType::kStarted) children[control->child] = std::nullopt;
    found->second->answer = std::move(*control);
    found->second->fd = std::move(message.fd);
    found->second->event.set();
  }

  bool send(const worker::ControlMessage& message) {
    if (closed) return false;
    const auto sent =
        process::send_message(socket.native_handle(), worker::encode(message), process::within(kWholeMessage));
    if (!sent) close(sent.error().message);
    return sent.has_value();
  }

  void stop(uint64_t id) {
    children.erase(id);
    (void)send({.type = worker::ControlType::kStop, .child = id});
  }

  void close(std::string_view why) {
    if (closed) return;
    closed = true;
    spdlog::warn("the connection to compute_worker is lost: {}", why);
    boost::system::error_code ignored;
    socket.close(ignored);
    for (auto& [tag, waiting] : waiting_for_answer) waiting->event.set();
    for (auto& [id, waiting] : waiting_for_end) waiting->event.set();
  }

  net::Loop& loop;
  net::LocalSocket socket;
  bool closed = false;
  uint32_t next_tag = 1;
  std::map<uint32_t, std::shared_ptr<Waiting>> waiting_for_answer;
  std::map<uint64_t, std::shared_ptr<Waiting>> waiting_for_end;
  std::map<uint64_t, std::optional<worker::ControlMessage>> children;  // of interest, and how they ended
};

WorkerLink::WorkerLink(net::Loop& loop, std::string socket_path) : loop_(loop), socket_path_(std::move(socket_path)) {}

WorkerLink::~WorkerLink() {
  if (!connection_) return;
  connection_->closed = true;
  boost::system::error_code ignored;
  connection_->socket.close(ignored);
}

Result<std::shared_ptr<WorkerLink::Connection>> WorkerLink::connected() {
  if (connection_ && !connection_->closed) return connection_;
  auto fd = process::connect_unix(socket_path_, process::Clock::now());
  if (!fd) return fail(kNoWorker, "compute_worker is not reachable: " + fd.error().message);
  connection_ = std::make_shared<Connection>(loop_, std::move(*fd));
  net::asio::co_spawn(loop_.io.get_executor(), read(connection_), net::asio::detached);
  return connection_;
}

net::Task<void> WorkerLink::read(std::shared_ptr<Connection> connection) {
  while (!connection->closed) {
    boost::system::error_code error;
    co_await connection->socket.async_wait(net::LocalSocket::wait_read, net::asio::redirect_error(net::kAwait, error));
    if (connection->closed) co_return;
    if (error) co_return connection->close(error.message());
    auto message = process::receive_message(connection->socket.native_handle(), worker::kMaxControlMessage,
                                            process::within(kWholeMessage));
    if (!message) co_return connection->close(message.error().message);
    connection->dispatch(std::move(*message));
  }
}

net::Task<Result<std::shared_ptr<WorkerLink::Waiting>>> WorkerLink::ask(worker::ControlType type,
                                                                        net::Clock::duration limit) {
  OPENPCC_CO_TRY(const auto connection, connected());
  const uint32_t tag = connection->next_tag++;
  auto waiting = std::make_shared<Waiting>(loop_);
  connection->waiting_for_answer[tag] = waiting;
  waiting->deadline.set_after(limit);
  if (connection->send({.type = type, .tag = tag})) co_await waiting->event.wait();
  connection->waiting_for_answer.erase(tag);
  if (!waiting->answer) co_return fail(kNoWorker, "compute_worker gave no answer");
  co_return waiting;
}

net::Task<Result<StartedWorker>> WorkerLink::start() {
  OPENPCC_CO_TRY(const auto waiting, co_await ask(worker::ControlType::kStart, kStartLimit));
  if (waiting->answer->type == worker::ControlType::kBusy) co_return fail(kBusy, "all workers are busy");
  if (waiting->answer->type != worker::ControlType::kStarted || !waiting->fd) {
    co_return fail(kNoWorker, "compute_worker could not start a child");
  }
  co_return StartedWorker{waiting->answer->child, std::move(waiting->fd)};
}

void WorkerLink::stop(uint64_t id) {
  if (connection_) connection_->stop(id);
}

void WorkerLink::forget(uint64_t id) {
  if (connection_) connection_->children.erase(id);
}

net::Task<Result<HowEnded>> WorkerLink::ended(uint64_t id, net::Clock::duration limit) {
  const auto connection = connection_;
  if (!connection) co_return fail(kNoWorker, "there is no connection to compute_worker");
  std::optional<worker::ControlMessage> ending;
  if (const auto found = connection->children.find(id); found != connection->children.end()) {
    ending = std::move(found->second);
  }
  if (!ending && !connection->closed) {
    const auto waiting = std::make_shared<Waiting>(loop_);
    connection->waiting_for_end[id] = waiting;
    waiting->deadline.set_after(limit);
    co_await waiting->event.wait();
    connection->waiting_for_end.erase(id);
    ending = waiting->answer;
  }
  connection->children.erase(id);
  if (!ending) co_return fail(kNoWorker, "how a worker ended is not known");
  co_return HowEnded{ending->ending, ending->code};
}

net::Task<Result<worker::ControlMessage>> WorkerLink::ping(net::Clock::duration limit) {
  OPENPCC_CO_TRY(const auto waiting, co_await ask(worker::ControlType::kPing, limit));
  if (waiting->answer->type != worker::ControlType::kPong) co_return fail(kNoWorker, "a wrong answer to a ping");
  co_return std::move(*waiting->answer);
}

net::Task<Result<std::string>> WorkerLink::metrics(net::Clock::duration limit) {
  OPENPCC_CO_TRY(const auto waiting, co_await ask(worker::ControlType::kMetrics, limit));
  if (waiting->answer->type != worker::ControlType::kMetricsText) co_return fail(kNoWorker, "no metrics");
  co_return std::move(waiting->answer->text);
}

}  // namespace openpcc::router_com
