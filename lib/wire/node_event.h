// node_event.h - what nodes tell routers: heartbeats and shutdown (PROTOCOL B router_agent.proto, G.5).
#pragma once

#include <optional>
#include <variant>

#include "base/tags.h"
#include "base/uuid.h"
#include "wire/evidence.h"

namespace openpcc::wire {

inline constexpr size_t kMaxNodeEventSize = kMaxEvidenceSize + 65536;
inline constexpr size_t kMaxUrlSize = 2048;

// A URL with a scheme: all that the official receivers ask. kInvalid or kTooLarge; `what` begins the message.
[[nodiscard]] Status check_url(std::string_view url, std::string_view what);

struct Timestamp {
  int64_t seconds = 0;  // since 1970, UTC
  int32_t nanos = 0;    // 0 to 999999999
  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

struct RoutingInfo {
  std::string url;              // where requests go; must have a scheme
  std::string healthcheck_url;  // likewise
  Tags tags;                    // at least one
  std::optional<SignedEvidenceList> evidence;
  friend bool operator==(const RoutingInfo&, const RoutingInfo&) = default;
};
[[nodiscard]] Result<Bytes> encode(const RoutingInfo& info);
[[nodiscard]] Result<RoutingInfo> decode_routing_info(ByteView bytes);

// A heartbeat that only says where routing info could be fetched. Routers accept it and never fetch.
struct RoutingInfoUrl {
  std::string url;
  friend bool operator==(const RoutingInfoUrl&, const RoutingInfoUrl&) = default;
};
struct Shutdown {
  friend bool operator==(const Shutdown&, const Shutdown&) = default;
};

struct NodeEvent {
  UuidV7 node_id;
  int64_t event_index = 0;                                      // not negative; orders the events of one node
  Timestamp timestamp;                                          // the node's own clock
  std::variant<RoutingInfo, RoutingInfoUrl, Shutdown> payload;  // the first two are heartbeats
  friend bool operator==(const NodeEvent&, const NodeEvent&) = default;
};
[[nodiscard]] Result<Bytes> encode(const NodeEvent& event);
[[nodiscard]] Result<NodeEvent> decode_node_event(ByteView bytes);

}  // namespace openpcc::wire
