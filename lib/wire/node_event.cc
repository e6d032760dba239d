#include "wire/node_event.h"

#include "wire/internal.h"
#include "wire/proto/router_agent.pb.h"
#include "wire/utf8.h"

namespace openpcc::wire {

using namespace internal;

namespace {

constexpr int32_t kNanosPerSecond = 1000000000;

Status check(const RoutingInfo& info) {
  OPENPCC_TRY_STATUS(check_url(info.url, "routing info"));
  OPENPCC_TRY_STATUS(check_url(info.healthcheck_url, "routing info"));
  if (info.tags.empty()) return invalid("routing info", "no tag");
  return {};
}

Status check(const NodeEvent& event) {
  if (event.event_index < 0) return invalid("node event", "the index is negative");
  if (event.timestamp.nanos < 0 || event.timestamp.nanos >= kNanosPerSecond) {
    return invalid("node event", "the time's nanoseconds are not 0 to 999999999");
  }
  return {};
}

// What a sender may not send is what a receiver refuses.
Status as_unencodable(Status status) {
  if (status) return status;
  return fail(kUnencodable, std::move(status).error().message);
}

Status fill(const RoutingInfo& info, csprotos::RoutingInfo& out) {
  OPENPCC_TRY_STATUS(as_unencodable(check(info)));
  out.set_url(info.url);
  out.set_healthcheck_url(info.healthcheck_url);
  internal::fill(info.tags, *out.mutable_tags());
  if (info.evidence) internal::fill(*info.evidence, *out.mutable_evidence());
  return {};
}

Result<RoutingInfo> info_of(const csprotos::RoutingInfo& message) {
  RoutingInfo info;
  info.url = message.url();
  info.healthcheck_url = message.healthcheck_url();
  OPENPCC_TRY(info.tags, parse_tags(message.tags(), "routing info"));
  if (message.has_evidence()) {
    OPENPCC_TRY(SignedEvidenceList evidence, list_of(message.evidence()));
    info.evidence = std::move(evidence);
  }
  OPENPCC_TRY_STATUS(check(info));
  return info;
}

struct FillPayload {
  csprotos::NodeEvent& out;
  Status operator()(const RoutingInfo& info) const {
    return fill(info, *out.mutable_heartbeat()->mutable_routing_info());
  }
  Status operator()(const RoutingInfoUrl& heartbeat) const {
    OPENPCC_TRY_STATUS(as_unencodable(check_url(heartbeat.url, "heartbeat")));
    out.mutable_heartbeat()->set_routing_info_url(heartbeat.url);
    return {};
  }
  Status operator()(const Shutdown&) const {
    out.mutable_shutdown();
    return {};
  }
};

}  // namespace

// Control characters are what Go's url.Parse refuses.
Status check_url(std::string_view url, std::string_view what) {
  if (url.size() > kMaxUrlSize) return fail(kTooLarge, std::string(what) + ": a URL of more than 2048 bytes");
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const size_t colon = url.find(':');
  bool good = colon != std::string_view::npos && colon > 0 && letter(url[0]) && is_utf8(url);
  for (size_t i = 0; good && i < url.size(); ++i) {
    const char c = url[i];
    good = static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
    if (i < colon) good = letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  }
  if (!good) return invalid(what, "a URL must be absolute");
  return {};
}

Result<Bytes> encode(const RoutingInfo& info) {
  csprotos::RoutingInfo message;
  OPENPCC_TRY_STATUS(fill(info, message));
  return serialize(message);
}

Result<RoutingInfo> decode_routing_info(ByteView bytes) {
  OPENPCC_TRY(const auto message, parse<csprotos::RoutingInfo>(bytes, kMaxNodeEventSize, "routing info"));
  return info_of(message);
}

Result<Bytes> encode(const NodeEvent& event) {
  OPENPCC_TRY_STATUS(as_unencodable(check(event)));
  csprotos::NodeEvent message;
  message.set_node_id(event.node_id.to_string());
  message.set_event_index(event.event_index);
  // Zeros stay out: Timestamp is a proto3 message at the other end.
  auto& timestamp = *message.mutable_timestamp();
  if (event.timestamp.seconds != 0) timestamp.set_seconds(event.timestamp.seconds);
  if (event.timestamp.nanos != 0) timestamp.set_nanos(event.timestamp.nanos);
  OPENPCC_TRY_STATUS(std::visit(FillPayload{message}, event.payload));
  return serialize(message);
}

Result<NodeEvent> decode_node_event(ByteView bytes) {
  OPENPCC_TRY(const auto message, parse<csprotos::NodeEvent>(bytes, kMaxNodeEventSize, "node event"));
  NodeEvent event;
  OPENPCC_TRY(event.node_id, parse_id(message.node_id(), "node event"));
  event.event_index = message.event_index();
  if (!message.has_timestamp()) return invalid("node event", "no time");
  event.timestamp = {message.timestamp().seconds(), message.timestamp().nanos()};
  OPENPCC_TRY_STATUS(check(event));
  if (message.has_shutdown()) {
    event.payload = Shutdown{};
  } else if (message.heartbeat().has_routing_info_url()) {
    OPENPCC_TRY_STATUS(check_url(message.heartbeat().routing_info_url(), "heartbeat"));
    event.payload = RoutingInfoUrl{message.heartbeat().routing_info_url()};
  } else if (message.heartbeat().has_routing_info()) {
    OPENPCC_TRY(RoutingInfo info, info_of(message.heartbeat().routing_info()));
    event.payload = std::move(info);
  } else {
    return invalid("node event", "neither a heartbeat with a payload nor a shutdown");
  }
  return event;
}

}  // namespace openpcc::wire
