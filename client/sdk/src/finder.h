// finder.h - asks the router for nodes, verifies their evidence, and remembers the verified ones for a minute.
//
// What the router sends is hostile: ids and tags are its word, evidence is judged by lib/verify alone. Thread-safe.
// Follows openpcc simple_node_finder.go and cached_node_finder.go.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "base/random.h"
#include "base/tags.h"
#include "base/uuid.h"
#include "errors.h"
#include "transport.h"
#include "verify/verify.h"
#include "wallet.h"

namespace openpcc::sdk {

using Now = std::function<std::chrono::steady_clock::time_point()>;

struct Node {
  UuidV7 id;
  verify::VerifiedNode claims;
};

struct NodeSet {
  std::vector<std::shared_ptr<const Node>> verified;
  std::vector<NodeReport> reports;  // every node the router named, in its order
  std::chrono::nanoseconds verification{0};
};

class NodeFinder {
 public:
  static constexpr std::chrono::minutes kTimeToLive{1};
  static constexpr size_t kMaxEntries = 100;
  static constexpr int kSecondLook = 100;  // manifests asked for where none of the first few could be verified

  NodeFinder(Transport& transport, const Wallet& wallet, verify::Policy policy, RandomSource random, Now now)
      : transport_(transport),
        wallet_(wallet),
        policy_(std::move(policy)),
        random_(std::move(random)),
        now_(std::move(now)) {}

  // Verified nodes that carry all the tags, in random order; at least one, or kNoVerifiedNode with every report.
  [[nodiscard]] ClientResult<NodeSet> find(const Tags& tags, int max_nodes, const net::Cancellation* cancel);
  // What the router knows, verified now. May hold no verified node at all.
  [[nodiscard]] ClientResult<NodeSet> query(const Tags& tags, int limit, const net::Cancellation* cancel) const;
  // This node answered badly: it is not offered again before it has been fetched and verified anew.
  void drop(const UuidV7& id);
  void forget(const Tags& tags);

 private:
  struct Entry {
    Tags tags;
    NodeSet set;
    std::chrono::steady_clock::time_point expires;
  };
  [[nodiscard]] Status shuffle(std::vector<std::shared_ptr<const Node>>& nodes) const;

  Transport& transport_;
  const Wallet& wallet_;
  const verify::Policy policy_;
  const RandomSource random_;
  const Now now_;
  std::mutex mutex_;
  std::list<Entry> cache_;  // the most recently used first
};

// A whole answer in memory, for everything that is not a sealed response.
struct RouterReply {
  net::ResponseHead head;
  Bytes body;
};
[[nodiscard]] ClientResult<RouterReply> fetch(Transport& transport, const TransportRequest& request, size_t max_body,
                                              const net::Cancellation* cancel);
// For a transport that gave no answer at all.
[[nodiscard]] std::unexpected<ClientError> no_answer(const Error& error);
// For an answer with another status than 200; says what the router said.
[[nodiscard]] std::unexpected<ClientError> refused(const net::ResponseHead& head, ByteView body);

}  // namespace openpcc::sdk
