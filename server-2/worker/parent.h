// parent.h - the long-lived process of compute_worker: it has the model in memory, has children (children.h) that serve
// one request each, and never receives a byte of any request.
//
// What reaches it: control messages of router_com (worker/protocol.h) and signals. One thread, one poll loop; nothing
// in it waits for a peer. One that does not take its answers is not asked for more messages until it has.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>

#include "process/message.h"
#include "process/notify.h"
#include "process/signals.h"
#include "worker/metrics.h"

namespace openpcc::worker {

// How the parent reaches the TPM broker. Neither call may wait for it.
struct BrokerLink {
  std::function<Result<process::UniqueFd>()> connect;           // the control connection
  std::function<Status(int control, int pair_end)> offer_pair;  // the broker's end of a child's private socket pair
};

struct ParentOptions {
  uid_t router_com_uid = 0;  // who may connect, beside root
  ChildrenOptions children = {};
  size_t queue_length = 64;                                         // starts that wait for a child
  process::Clock::duration queue_limit = std::chrono::seconds(10);  // how long each may wait
  process::Clock::duration drain_limit = std::chrono::seconds(30);  // after SIGTERM, for running children
  std::string engine = {};
  std::vector<std::string> models = {};
};

class Parent {
 public:
  // `listener`: of process::listen_unix. `sandbox` must outlive the parent. SIGTERM, SIGINT and SIGCHLD are blocked
  // from here on.
  [[nodiscard]] static Result<Parent> create(process::UniqueFd listener, const sandbox::Sandbox& sandbox,
                                             ParentOptions options, ChildMain child_main, BrokerLink broker_link);
  // Until SIGTERM or SIGINT has been obeyed. In a child it never returns.
  [[nodiscard]] Status run();

 private:
  struct Connection {
    Connection(uint64_t number, process::UniqueFd descriptor);
    uint64_t id;
    process::UniqueFd fd;
    process::IncomingMessages incoming;
    process::OutgoingMessages outgoing;
  };
  struct Waiting {  // a start that no child is free for
    uint64_t connection = 0;
    uint32_t tag = 0;
    process::Deadline deadline;
  };
  using Connections = std::list<Connection>;

  Parent(process::UniqueFd listener, const sandbox::Sandbox& sandbox, ParentOptions options, ChildMain child_main,
         BrokerLink broker_link, process::SignalFd signals);
  [[nodiscard]] int poll_timeout() const;
  [[nodiscard]] bool has_place() const;
  [[nodiscard]] bool wants_child() const { return !draining_ && children_.wants_another(); }
  Status handle_signals();
  void connect_broker();
  void lose_broker();
  void accept_connection();
  // These are false when the connection is over.
  bool serve_connection(Connection& connection);
  bool handle(Connection& connection, ByteView message);
  bool pong(Connection& connection, uint32_t tag);
  bool tell_metrics(Connection& connection, uint32_t tag);
  bool start(Connection& connection, uint32_t tag);
  bool start_now(Connection& connection, uint32_t tag);
  Result<Children::Taken> take_child(uint64_t owner);
  void serve_queue();
  void close_connection(Connections::iterator it);
  void collect_children();
  Connection* find(uint64_t id);
  static bool send(Connection& connection, const ControlMessage& message, process::UniqueFd fd = {});

  process::UniqueFd listener_;
  ParentOptions options_;
  std::vector<std::string> without_;
  std::unique_ptr<Metrics> metrics_;
  Children children_;
  BrokerLink broker_link_;
  process::UniqueFd broker_;
  process::SignalFd signals_;
  process::Watchdog watchdog_;
  Connections connections_;
  std::deque<Waiting> queue_;
  uint64_t next_connection_ = 1;
  bool draining_ = false;
  process::Deadline drain_until_ = process::kForever;
};

}  // namespace openpcc::worker
