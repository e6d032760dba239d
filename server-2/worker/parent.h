// parent.h - the long-lived process of compute_worker: it has the model in memory, forks one child for each request,
// and never receives a byte of any request.
//
// What reaches it: control messages of router_com (worker/protocol.h) and signals. One thread, one poll loop; nothing
// in it waits for a peer longer than 200 ms.
#pragma once

#include <functional>
#include <list>
#include <map>

#include "process/signals.h"
#include "worker/protocol.h"

namespace openpcc::worker {

// In the child, after everything else was closed: serves one request and returns the exit status. `router` and `broker`
// are its private sockets.
using ChildMain = std::function<int(process::UniqueFd router, process::UniqueFd broker)>;

// How the parent reaches the TPM broker. Neither call may wait for it.
struct BrokerLink {
  std::function<Result<process::UniqueFd>()> connect;           // the control connection
  std::function<Status(int control, int pair_end)> offer_pair;  // the broker's end of a child's private socket pair
};

struct ParentOptions {
  uid_t router_com_uid = 0;  // who may connect, beside root
  size_t max_workers = 4;
  process::Clock::duration time_limit = std::chrono::minutes(5);    // of one child, then it is killed
  process::Clock::duration drain_limit = std::chrono::seconds(30);  // after SIGTERM, for running children
  std::string engine = {};
  std::vector<std::string> models = {};
};

class Parent {
 public:
  // `listener`: of process::listen_unix. SIGTERM, SIGINT and SIGCHLD are blocked from here on.
  [[nodiscard]] static Result<Parent> create(process::UniqueFd listener, ParentOptions options, ChildMain child_main,
                                             BrokerLink broker_link);
  // Until SIGTERM or SIGINT has been obeyed. In a child it never returns.
  [[nodiscard]] Status run();

 private:
  struct Connection {
    uint64_t id = 0;
    process::UniqueFd fd;
    Bytes pending;  // received, not yet a whole message
  };
  struct Child {
    pid_t pid = 0;
    uint64_t connection = 0;
    process::Deadline deadline;
    bool killed = false;
  };
  using Connections = std::list<Connection>;

  Parent(process::UniqueFd listener, ParentOptions options, ChildMain child_main, BrokerLink broker_link,
         process::SignalFd signals);
  [[nodiscard]] int poll_timeout() const;
  Status handle_signals();
  void connect_broker();
  void lose_broker();
  void accept_connection();
  // False when the connection is over.
  bool read_connection(Connection& connection);
  bool handle(Connection& connection, ByteView message);
  bool start_child(Connection& connection, uint32_t tag);
  Result<process::UniqueFd> fork_child(Connection& connection, uint64_t& id);
  [[noreturn]] void be_child(pid_t parent, process::UniqueFd router, process::UniqueFd broker);
  void close_connection(Connections::iterator it);
  void kill_child(Child& child);
  void reap();
  void kill_overdue();
  bool send(Connection& connection, const ControlMessage& message, int fd = -1);

  process::UniqueFd listener_;
  ParentOptions options_;
  ChildMain child_main_;
  BrokerLink broker_link_;
  process::UniqueFd broker_;
  process::SignalFd signals_;
  Connections connections_;
  std::map<uint64_t, Child> children_;
  uint64_t next_id_ = 1;
  bool draining_ = false;
  process::Deadline drain_until_ = process::kForever;
};

}  // namespace openpcc::worker
