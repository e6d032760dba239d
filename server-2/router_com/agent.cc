#include "router_com/agent.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "net/error_body.h"

namespace openpcc::router_com {
namespace {

constexpr net::Clock::duration kFirstPause = std::chrono::milliseconds(500);

net::ClientOptions client_options(net::Clock::duration interval) {
  // As the official agent: half the interval for one event.
  const auto limit = std::max<net::Clock::duration>(interval / 2, std::chrono::milliseconds(100));
  net::ClientOptions options;
  options.connect_timeout = std::min(options.connect_timeout, limit);
  options.head_timeout = limit;
  options.idle_timeout = limit;
  return options;
}

net::RequestHead post_head(const net::Url& url) {
  return {.method = "POST", .target = url.target, .fields = {{"Content-Type", "application/octet-stream"}}};
}

}  // namespace

Agent::Agent(net::Loop& loop, const AgentConfig& config, UuidV7 id, wire::RoutingInfo info, WallClock clock)
    : loop_(loop),
      client_(loop, client_options(config.heartbeat_interval)),
      events_url_(config.router_base_url.with_path("/node-events")),
      interval_(config.heartbeat_interval),
      id_(id),
      info_(std::move(info)),
      clock_(std::move(clock)) {}

Result<std::unique_ptr<Agent>> Agent::create(net::Loop& loop, const AgentConfig& config,
                                             wire::SignedEvidenceList evidence, WallClock clock,
                                             const RandomSource& random) {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(clock().time_since_epoch()).count();
  OPENPCC_TRY(const UuidV7 id, UuidV7::generate(static_cast<uint64_t>(now), random));
  OPENPCC_TRY(Tags tags, Tags::from(config.tags));
  wire::RoutingInfo info{.url = config.target_url.to_string(),
                         .healthcheck_url = config.healthcheck_url.to_string(),
                         .tags = std::move(tags),
                         .evidence = std::move(evidence)};
  return std::unique_ptr<Agent>(new Agent(loop, config, id, std::move(info), std::move(clock)));
}

Result<Bytes> Agent::next_event(bool shutdown) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(clock_().time_since_epoch()).count();
  wire::NodeEvent event{.node_id = id_,
                        .event_index = next_index_++,
                        .timestamp = {since / 1'000'000'000, static_cast<int32_t>(since % 1'000'000'000)},
                        .payload = wire::Shutdown{}};
  if (!shutdown) event.payload = info_;
  return wire::encode(event);
}

net::Task<Status> Agent::send(bool shutdown) {
  OPENPCC_CO_TRY(const Bytes body, next_event(shutdown));
  OPENPCC_CO_TRY(const auto exchange, co_await client_.open(events_url_));
  const net::RequestHead head = post_head(events_url_);
  OPENPCC_CO_TRY_STATUS(co_await exchange->send(head, body));
  OPENPCC_CO_TRY(const net::ResponseHead* answer, co_await exchange->read_head());
  const int status = answer->status;
  const std::string content_type(net::field_or_empty(answer->fields, "Content-Type"));
  Bytes text;
  while (text.size() < limits::kErrorBody) {
    OPENPCC_CO_TRY(const ByteView piece, co_await exchange->read_piece());
    if (piece.empty()) break;
    append(text, piece);
  }
  if (status == 200) co_return Status();
  co_return fail(net::kBadHttp, "status " + std::to_string(status) + " " + net::error_message(content_type, text));
}

net::Task<void> Agent::run() {
  net::Clock::duration pause = kFirstPause;
  bool known = false;
  while (!stopping_) {
    const Status sent = co_await send(false);
    if (stopping_) co_return;
    if (sent) {
      if (!std::exchange(known, true)) spdlog::info("the router knows this node as {}", id_.to_string());
      pause = kFirstPause;
      co_await net::sleep_for(loop_, interval_);
    } else {
      known = false;
      spdlog::warn("a heartbeat to {} failed: {}", events_url_.to_string(), sent.error().message);
      co_await net::sleep_for(loop_, std::min(pause, interval_));
      pause *= 2;
    }
  }
}

net::Task<void> Agent::stop() {
  if (std::exchange(stopping_, true)) co_return;
  if (const Status sent = co_await send(true); !sent) {
    spdlog::warn("the shutdown event did not reach the router: {}", sent.error().message);
  }
}

}  // namespace openpcc::router_com
