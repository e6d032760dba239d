// agent.h - tells the router that this node is there: a heartbeat at once and then every interval, and a shutdown event
// (PROTOCOL G.5). Source: openpcc router/agent.
#pragma once

#include "base/random.h"
#include "net/client.h"
#include "router_com/config.h"
#include "wire/node_event.h"

namespace openpcc::router_com {

// Belongs to one loop. A heartbeat that does not arrive is logged and tried again soon, with the next index.
class Agent {
 public:
  using WallClock = std::function<std::chrono::system_clock::time_point()>;

  // A new node id, as for every start of the program.
  [[nodiscard]] static Result<std::unique_ptr<Agent>> create(net::Loop& loop, const AgentConfig& config,
                                                             wire::SignedEvidenceList evidence,
                                                             WallClock clock = std::chrono::system_clock::now,
                                                             const RandomSource& random = system_random);

  [[nodiscard]] const UuidV7& node_id() const { return id_; }
  // Until stop().
  [[nodiscard]] net::Task<void> run();
  // Sends the shutdown event, once; returns when it has arrived or will not. Ends run().
  [[nodiscard]] net::Task<void> stop();

 private:
  Agent(net::Loop& loop, const AgentConfig& config, UuidV7 id, wire::RoutingInfo info, WallClock clock);
  Result<Bytes> next_event(bool shutdown);
  net::Task<Status> send(bool shutdown);

  net::Loop& loop_;
  net::HttpClient client_;
  net::Url events_url_;
  net::Clock::duration interval_;
  UuidV7 id_;
  wire::RoutingInfo info_;
  WallClock clock_;
  int64_t next_index_ = 0;
  bool stopping_ = false;
};

}  // namespace openpcc::router_com
