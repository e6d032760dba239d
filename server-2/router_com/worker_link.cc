#include "router_com/worker_link.h"

#include <spdlog/spdlog.h>

#include "process/message.h"
#include "process/unix_socket.h"

namespace openpcc::router_com {
namespace {

constexpr auto kStartLimit = worker::kMaxQueueTime + std::chrono::seconds(5);
constexpr auto kFinishLimit = std::chrono::seconds(2);  // for a child whose answer is out already
constexpr size_t kMaxOutgoing = size_t{1} << 20;        // bytes; a worker that takes nothing for so long is lost

}  // namespace

// Somebody who waits for an answer with his tag, or for the end of a child. Several may wait for the same.
struct WorkerLink::Waiting {
  explicit Waiting(net::Loop& loop) : event(loop.io), deadline(loop.deadlines, [this] { event.set(); }) {}
  net::Event event;
  net::Deadline deadline;
  std::weak_ptr<WorkerConnection> connection;  // which holds those who wait
  uint32_t tag = 0;
  std::optional<worker::ControlMessage> answer;
  process::UniqueFd fd;
};

struct WorkerConnection : std::enable_shared_from_this<WorkerConnection> {
  using Waiting = WorkerLink::Waiting;
  // A child of interest.
  struct Child {
    std::optional<worker::ControlMessage> ended;
    std::unique_ptr<net::Deadline> finish;
  };

  WorkerConnection(net::Loop& event_loop, process::UniqueFd fd)
      : loop(event_loop),
        socket(event_loop.io, net::asio::local::stream_protocol(), fd.release()),
        incoming(worker::kMaxControlMessage) {}

  void dispatch(process::Message message) {
    auto control = worker::parse_control(message.body);
    if (!control) return close(control.error().message);
    if (control->type == worker::ControlType::kEnded) return note_end(std::move(*control));
    const auto found = waiting_for_answer.find(control->tag);
    if (found == waiting_for_answer.end()) {
      // Whoever asked has given up: a child that came too late is stopped, and its socket closed here.
      if (control->type == worker::ControlType::kStarted) stop(control->child);
      return;
    }
    const std::shared_ptr<Waiting> waiting = found->second;
    waiting_for_answer.erase(found);
    if (control->type == worker::ControlType::kStarted) children.try_emplace(control->child);
    waiting->answer = std::move(*control);
    waiting->fd = std::move(message.fd);
    waiting->event.set();
  }

  void note_end(worker::ControlMessage control) {
    const auto child = children.find(control.child);
    if (child == children.end()) return;
    if (const auto found = waiting_for_end.find(control.child); found != waiting_for_end.end()) {
      found->second->event.set();
    } else if (child->second.finish) {
      children.erase(child);
      return;
    }
    child->second.ended = std::move(control);
  }

  bool send(const worker::ControlMessage& message) {
    if (closed) return false;
    outgoing.push(worker::encode(message));
    flush();
    if (outgoing.size() > kMaxOutgoing) close("it takes no messages any more");
    return !closed;
  }

  void flush() {
    if (closed || flushing) return;
    const auto done = outgoing.flush(socket.native_handle());
    if (!done) return close(done.error().message);
    if (*done) return;
    flushing = true;
    socket.async_wait(net::LocalSocket::wait_write,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        self->flushing = false;
                        if (!error) self->flush();
                      });
  }

  // Where the answer is on its way already, dispatch() finds nobody who waits for it.
  void cancel(uint32_t tag) {
    if (waiting_for_answer.erase(tag) == 0) return;
    (void)send({.type = worker::ControlType::kCancel, .tag = tag});
  }

  void stop(uint64_t id) {
    children.erase(id);
    (void)send({.type = worker::ControlType::kStop, .child = id});
  }

  void finish(uint64_t id) {
    const auto child = children.find(id);
    if (child == children.end() || closed) return;
    if (child->second.ended) {
      children.erase(child);
      return;
    }
    child->second.finish = std::make_unique<net::Deadline>(loop.deadlines, [this, id] {
      spdlog::warn("a worker did not end after its answer, and is stopped");
      stop(id);
    });
    child->second.finish->set_after(kFinishLimit);
  }

  void close(std::string_view why) {
    if (closed) return;
    closed = true;
    spdlog::warn("the connection to compute_worker is lost: {}", why);
    boost::system::error_code ignored;
    socket.close(ignored);
    for (auto& [tag, waiting] : waiting_for_answer) waiting->event.set();
    for (auto& [id, waiting] : waiting_for_end) waiting->event.set();
    waiting_for_answer.clear();
    children.clear();
  }

  static net::Task<void> read(std::shared_ptr<WorkerConnection> connection) {
    while (!connection->closed) {
      boost::system::error_code error;
      co_await connection->socket.async_wait(net::LocalSocket::wait_read,
                                             net::asio::redirect_error(net::kAwait, error));
      if (connection->closed) co_return;
      if (error) co_return connection->close(error.message());
      while (!connection->closed) {
        auto message = connection->incoming.next(connection->socket.native_handle());
        if (!message) co_return connection->close(message.error().message);
        if (!*message) break;
        connection->dispatch(std::move(**message));
      }
    }
  }

  net::Loop& loop;
  net::LocalSocket socket;
  process::IncomingMessages incoming;
  process::OutgoingMessages outgoing;
  bool flushing = false;
  bool closed = false;
  uint32_t next_tag = 1;
  std::map<uint32_t, std::shared_ptr<Waiting>> waiting_for_answer;
  std::map<uint64_t, std::shared_ptr<Waiting>> waiting_for_end;
  std::map<uint64_t, Child> children;
};

void Withdrawal::withdraw() {
  if (std::exchange(withdrawn_, true)) return;
  if (wake_) wake_();
}

WorkerLink::WorkerLink(net::Loop& loop, std::string socket_path) : loop_(loop), socket_path_(std::move(socket_path)) {}

WorkerLink::~WorkerLink() {
  if (!connection_) return;
  connection_->closed = true;
  boost::system::error_code ignored;
  connection_->socket.close(ignored);
}

Result<std::shared_ptr<WorkerConnection>> WorkerLink::connected() {
  if (connection_ && !connection_->closed) return connection_;
  auto fd = process::connect_unix(socket_path_, process::Clock::now());
  if (!fd) return fail(kNoWorker, "compute_worker is not reachable: " + fd.error().message);
  connection_ = std::make_shared<WorkerConnection>(loop_, std::move(*fd));
  net::asio::co_spawn(loop_.io.get_executor(), WorkerConnection::read(connection_), net::asio::detached);
  return connection_;
}

Result<std::shared_ptr<WorkerLink::Waiting>> WorkerLink::ask(worker::ControlType type, net::Clock::duration limit) {
  OPENPCC_TRY(const auto connection, connected());
  auto waiting = std::make_shared<Waiting>(loop_);
  waiting->connection = connection;
  waiting->tag = connection->next_tag++;
  connection->waiting_for_answer[waiting->tag] = waiting;
  waiting->deadline.set_after(limit);
  if (!connection->send({.type = type, .tag = waiting->tag})) {
    return fail(kNoWorker, "the connection to compute_worker is lost");
  }
  return waiting;
}

net::Task<Result<std::shared_ptr<WorkerLink::Waiting>>> WorkerLink::share(worker::ControlType type,
                                                                          net::Clock::duration limit) {
  std::shared_ptr<Waiting> waiting = shared_[type].lock();
  if (!waiting || waiting->event.is_set()) {
    OPENPCC_CO_TRY(waiting, ask(type, limit));
    shared_[type] = waiting;
  }
  co_await waiting->event.wait();
  if (const auto connection = waiting->connection.lock()) connection->waiting_for_answer.erase(waiting->tag);
  if (!waiting->answer) co_return fail(kNoWorker, "compute_worker gave no answer");
  co_return waiting;
}

net::Task<Result<StartedWorker>> WorkerLink::start(Withdrawal& withdrawal) {
  OPENPCC_CO_TRY(const auto waiting, ask(worker::ControlType::kStart, kStartLimit));
  const auto connection = waiting->connection.lock();
  if (!connection) co_return fail(kNoWorker, "the connection to compute_worker is lost");
  withdrawal.wake_ = [&waiting] { waiting->event.set(); };
  if (!withdrawal.withdrawn()) co_await waiting->event.wait();
  withdrawal.wake_ = nullptr;
  connection->cancel(waiting->tag);
  if (!waiting->answer) {
    if (withdrawal.withdrawn()) co_return fail(kWithdrawn, "nobody waits for a worker any more");
    co_return fail(kNoWorker, "compute_worker gave no answer");
  }
  if (waiting->answer->type == worker::ControlType::kBusy) co_return fail(kBusy, "all workers are busy");
  if (waiting->answer->type != worker::ControlType::kStarted || !waiting->fd) {
    co_return fail(kNoWorker, "compute_worker could not start a child");
  }
  StartedWorker started{connection, waiting->answer->child, std::move(waiting->fd)};
  if (withdrawal.withdrawn()) {
    stop(started);
    co_return fail(kWithdrawn, "nobody waits for a worker any more");
  }
  co_return started;
}

void WorkerLink::stop(const StartedWorker& worker) {
  worker.connection->stop(worker.id);
}

void WorkerLink::finish(const StartedWorker& worker) {
  worker.connection->finish(worker.id);
}

net::Task<Result<HowEnded>> WorkerLink::ended(const StartedWorker& worker, net::Clock::duration limit) {
  const auto connection = worker.connection;
  const uint64_t id = worker.id;
  const auto child = connection->children.find(id);
  if (child == connection->children.end()) co_return fail(kNoWorker, "the connection to compute_worker is lost");
  if (!child->second.ended) {
    const auto waiting = std::make_shared<Waiting>(connection->loop);
    connection->waiting_for_end[id] = waiting;
    waiting->deadline.set_after(limit);
    co_await waiting->event.wait();
    connection->waiting_for_end.erase(id);
  }
  const auto gone = connection->children.find(id);
  if (gone == connection->children.end()) co_return fail(kNoWorker, "the connection to compute_worker is lost");
  const auto ending = gone->second.ended;
  if (!ending) {
    connection->stop(id);
    co_return fail(kNoWorker, "how a worker ended is not known");
  }
  connection->children.erase(gone);
  co_return HowEnded{ending->ending, ending->code};
}

net::Task<Result<worker::ControlMessage>> WorkerLink::ping(net::Clock::duration limit) {
  OPENPCC_CO_TRY(const auto waiting, co_await share(worker::ControlType::kPing, limit));
  if (waiting->answer->type != worker::ControlType::kPong) co_return fail(kNoWorker, "a wrong answer to a ping");
  co_return *waiting->answer;
}

net::Task<Result<std::string>> WorkerLink::metrics(net::Clock::duration limit) {
  OPENPCC_CO_TRY(const auto waiting, co_await share(worker::ControlType::kMetrics, limit));
  if (waiting->answer->type != worker::ControlType::kMetricsText) co_return fail(kNoWorker, "no metrics");
  co_return waiting->answer->text;
}

}  // namespace openpcc::router_com
