// stub_worker_for_testing.h - stands in for compute_worker's parent: each child is a function run on a thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "process/message.h"
#include "process/unix_socket.h"
#include "worker/protocol.h"

namespace openpcc::router_com {

class StubWorker {
 public:
  // Gets the child's end of the socket; returns the exit status that the parent reports, a negative signal, or
  // kOvertime.
  using Child = std::function<int(int socket)>;
  static constexpr int kOvertime = -1000;

  StubWorker(const std::string& path, Child child) : child_(std::move(child)) {
    listener_ = std::move(process::listen_unix(path, ::geteuid()).value());
    thread_ = std::thread([this] { run(); });
  }
  ~StubWorker() {
    stopping = true;
    thread_.join();
    for (std::thread& thread : threads_) thread.join();
  }

  std::atomic<bool> busy = false;
  std::atomic<bool> room = true;     // what a pong says, while not busy
  std::atomic<bool> queues = false;  // starts stay unanswered
  std::atomic<bool> deaf = false;    // nothing is read
  std::atomic<bool> fails = false;
  std::atomic<bool> ready = true;
  std::atomic<int> started = 0;
  std::atomic<int> stopped = 0;
  std::atomic<int> pings = 0;
  std::atomic<int> queued = 0;
  std::atomic<int> cancelled = 0;
  std::atomic<int> connections = 0;
  std::atomic<bool> stopping = false;

 private:
  using Type = worker::ControlType;
  using Connection = std::shared_ptr<process::UniqueFd>;  // children's threads say on it how they ended

  void run() {
    while (!stopping) {
      auto connection = process::accept_unix(listener_.get(), process::within(std::chrono::milliseconds(10)));
      if (!connection) continue;
      ++connections;
      serve(std::make_shared<process::UniqueFd>(std::move(*connection)));
      for (auto& [id, socket] : children_) ::shutdown(socket, SHUT_RDWR);
      children_.clear();
    }
  }

  void serve(const Connection& connection) {
    while (!stopping) {
      if (deaf) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        continue;
      }
      const auto message =
          process::receive_message(connection->get(), 100, process::within(std::chrono::milliseconds(10)));
      if (!message && message.error().code == process::kTimeout) continue;
      if (!message) return;
      const auto control = worker::parse_control(message->body).value();
      if (control.type == Type::kPing) {
        ++pings;
        send(connection,
             {.type = Type::kPong, .tag = control.tag, .engine = "stub", .ready = ready, .room = room && !busy});
      }
      if (control.type == Type::kCancel) ++cancelled;
      if (control.type == Type::kMetrics) {
        send(connection, {.type = Type::kMetricsText, .tag = control.tag, .text = "stub_metric 1\n"});
      }
      if (control.type == Type::kStop) stop(control.child);
      if (control.type == Type::kStart) start(connection, control.tag);
    }
  }

  void start(const Connection& connection, uint32_t tag) {
    if (queues) {
      ++queued;
      return;
    }
    if (busy || fails) return send(connection, {.type = busy ? Type::kBusy : Type::kFailed, .tag = tag});
    auto pair = std::move(process::socket_pair().value());
    const uint64_t id = next_id_++;
    ++started;
    const int mine = pair.second.release();
    children_[id] = mine;
    send(connection, {.type = Type::kStarted, .tag = tag, .child = id}, pair.first.get());
    threads_.emplace_back([this, connection, id, mine] {
      const int code = child_(mine);
      ::close(mine);
      const auto how = code < 0 ? worker::Ending::kCrashed : worker::Ending::kExited;
      send(connection, {.type = Type::kEnded,
                        .child = id,
                        .ending = code == kOvertime ? worker::Ending::kOvertime : how,
                        .code = std::abs(code) % 256});
    });
  }

  void stop(uint64_t id) {
    ++stopped;
    if (const auto found = children_.find(id); found != children_.end()) ::shutdown(found->second, SHUT_RDWR);
  }

  void send(const Connection& connection, const worker::ControlMessage& message, int fd = -1) {
    const std::lock_guard lock(mutex_);
    (void)process::send_message(connection->get(), worker::encode(message), process::within(std::chrono::seconds(1)),
                                fd);
  }

  Child child_;
  process::UniqueFd listener_;
  std::mutex mutex_;
  std::map<uint64_t, int> children_;
  uint64_t next_id_ = 1;
  std::vector<std::thread> threads_;
  std::thread thread_;
};

}  // namespace openpcc::router_com
