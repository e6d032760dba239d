// registry.h - what a router knows about nodes, and which of them it sends requests to.
//
// Sans-IO: events and health checks come in, the time and the randomness are parameters. Thread-safe: reading (choose,
// query) runs in parallel, everything else alone. Who registers is not authenticated, so every size has a cap; a node's
// tags and evidence prove nothing here, clients verify. Sources: openpcc router/state/{agent,manager}.go,
// router/node_evaluation.go, router/routing_set.go; PROTOCOL G.3 to G.6.
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>

#include "base/random.h"
#include "net/url.h"
#include "node/health.h"
#include "wire/node_event.h"
#include "wire/router.h"

namespace openpcc::node {

inline constexpr ErrorCode kFull{"node.full"};         // no room for one more node, or for that much evidence
inline constexpr ErrorCode kBadInfo{"node.bad_info"};  // routing info whose URLs cannot be used
inline constexpr ErrorCode kNoNode{"node.no_node"};    // no candidate is routable

struct RegistryOptions {
  GraderConfig grader;
  std::chrono::nanoseconds reevaluate = std::chrono::seconds(30);  // cleanup_interval of the official router
  size_t max_nodes = 10'000;
  size_t max_bytes = size_t{512} << 20;  // tags, URLs and evidence of all nodes together
};

// What a node told about itself. Never changes once adopted.
struct RoutingEntry {
  UuidV7 id;
  std::string id_text;
  net::Url url;
  net::Url healthcheck_url;
  Tags tags;
  Bytes manifest;  // encoded as an item of a ComputeManifestList: tag and length in front
};
using EntryPointer = std::shared_ptr<const RoutingEntry>;

struct HealthTarget {
  UuidV7 id;
  uint64_t generation = 0;  // of this life of the node: a check begun before an eviction does not count after it
  net::Url url;
};

struct Choice {
  EntryPointer node;
  size_t candidate = 0;  // index of the entry whose key is to be used
};

class Registry {
 public:
  explicit Registry(RegistryOptions options) : options_(options) {}

  // Merges and evaluates (G.5, G.6). True: the node's state changed. kFull or kBadInfo: nothing was taken over.
  [[nodiscard]] Result<bool> add_event(const wire::NodeEvent& event, Time now);
  // A check of a node that is not known (any more) is dropped.
  void add_check(const HealthTarget& target, Check check, Time now);
  // Evaluates the nodes whose last evaluation by the clock was `reevaluate` ago or longer. Call it often.
  void evaluate_due(Time now);

  // Nodes with routing info.
  [[nodiscard]] std::vector<HealthTarget> health_targets() const;
  // Up to `limit` routable nodes that carry all these tags, beginning at a random one.
  [[nodiscard]] Result<std::vector<EntryPointer>> query(const Tags& tags, int limit, const RandomSource& random) const;
  // One of the routable candidates, uniformly by entry; a candidate listed twice counts twice, and its first entry
  // supplies the key. kNoNode when none is routable.
  [[nodiscard]] Result<Choice> choose(const wire::ComputeRequestInfo& info, const RandomSource& random) const;

  struct Counts {
    size_t known = 0;
    size_t routable = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  struct Node {
    uint64_t generation = 0;
    bool seen = false;  // an event was merged
    int64_t last_index = 0;
    wire::Timestamp last_timestamp;  // the node's own clock
    bool shut_down = false;
    EntryPointer entry;
    History history;
    Time next_evaluation;
    size_t position = kNotRoutable;  // in routable_
  };
  static constexpr size_t kNotRoutable = static_cast<size_t>(-1);
  using Nodes = std::map<UuidV7, Node>;

  [[nodiscard]] Result<EntryPointer> make_entry(const UuidV7& id, const wire::RoutingInfo& info) const;
  // Applies G.6. False: the node was evicted, and the iterator is dead.
  bool evaluate(Nodes::iterator at, Time now);
  void make_routable(Node& node);
  void make_unroutable(Node& node);

  RegistryOptions options_;
  mutable std::shared_mutex mutex_;
  Nodes nodes_;
  std::vector<EntryPointer> routable_;
  size_t bytes_ = 0;
  uint64_t generations_ = 0;
};

// Uniform in [0, bound), without bias; `bound` at least 1.
[[nodiscard]] Result<size_t> random_below(size_t bound, const RandomSource& random);

}  // namespace openpcc::node
