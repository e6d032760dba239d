#include "router_com/node_handler.h"

#include <charconv>

#include "base/base64.h"
#include "router_com/relay.h"
#include "sealed/format.h"

namespace openpcc::router_com {
namespace {

constexpr auto kHealthLimit = std::chrono::seconds(2);

// Go's strconv.ParseInt(text, 10, 64).
std::optional<int64_t> parse_amount(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The official checks in their order; the message of the first that fails.
std::expected<RelayRequest, std::string_view> check(const net::Fields& fields) {
  RelayRequest request;
  request.media_type = net::field_or_empty(fields, "Content-Type");
  if (!sealed::request_mode(request.media_type)) return std::unexpected("invalid media type");
  const std::string_view key = net::field_or_empty(fields, "X-Encapsulated-Key");
  if (key.empty() || key.size() > limits::kEncapsulatedKeyText) return std::unexpected("invalid encapsulated key");
  auto decoded = from_base64(key);
  if (!decoded) return std::unexpected("invalid encapsulated key");
  request.encapsulated_key = std::move(*decoded);
  const auto amount = parse_amount(net::field_or_empty(fields, "X-Credit-Amount"));
  if (!amount) return std::unexpected("invalid credit amount");
  if (*amount <= 0) return std::unexpected("credit amount must be greater than 0");
  request.credit_amount = *amount;
  return request;
}

// Built outside of coroutines: g++ 12 takes no initializer lists inside them.
net::Fields one_field(std::string name, std::string value) {
  return {{std::move(name), std::move(value)}};
}
net::Reply health_reply(std::string_view state) {
  return {state == "Healthy" ? 200 : 503, "application/json",
          "{\"ApplicationHealthState\":\"" + std::string(state) + "\"}"};
}
net::Reply plain_reply(int status, std::string body) {
  return {status, "text/plain; charset=utf-8", std::move(body)};
}

std::string_view path_of(const net::RequestHead& head) {
  const std::string_view target = head.target;
  return target.substr(0, target.find('?'));
}

}  // namespace

// /_health is the official question, which routers ask: a node that answers no is out until its next heartbeat.
// /_health/ready also wants the TPM broker, which may be away for a moment. Whether this process lives is a third
// question, which whoever restarts it asks: /_health/live.
net::Task<net::Reply> NodeHandler::health(bool with_tpm) {
  std::string_view state = "Healthy";
  if (state_.rek_point().empty()) {
    state = "WaitingForEvidence";
  } else {
    const auto pong = co_await link_.ping(kHealthLimit);
    if (!pong) {
      state = "WorkerUnavailable";
    } else if (with_tpm && !pong->ready) {
      state = "TpmUnavailable";
    }
  }
  co_return health_reply(state);
}

net::Task<void> NodeHandler::generate(net::Exchange& exchange) {
  Bytes rek_point = state_.rek_point();
  if (rek_point.empty()) {
    const net::Reply reply = net::protobuf_error(503, "the node is starting");
    (void)co_await exchange.respond(reply, one_field("Retry-After", "1"));
    co_return;
  }
  auto request = check(exchange.request().fields);
  if (!request) {
    metrics_.begun();
    metrics_.ended(Outcome::kRefused, net::Clock::duration::zero());
    const net::Reply reply = net::protobuf_error(400, request.error());
    (void)co_await exchange.respond(reply);
    co_return;
  }
  request->rek_point = std::move(rek_point);
  const RelayParts parts{loop_, link_, metrics_, state_.uploads()};
  co_await relay(parts, exchange, std::move(*request));
}

net::Task<void> NodeHandler::handle(net::Exchange& exchange) {
  const net::RequestHead& head = exchange.request();
  if (net::field_or_empty(head.fields, "X-Confsec-Ping") == "routercom") {
    const net::Reply reply = plain_reply(200, "routercom");
    (void)co_await exchange.respond(reply);
    co_return;
  }
  if (head.method == "POST") co_return co_await generate(exchange);
  const bool is_live = path_of(head) == "/_health/live", is_ready = path_of(head) == "/_health/ready";
  const bool is_health = is_live || is_ready || path_of(head) == "/_health";
  if (is_health && (head.method == "GET" || head.method == "HEAD")) {
    net::Reply reply = health_reply("Healthy");
    if (!is_live) reply = co_await health(is_ready);
    (void)co_await exchange.respond(reply);
    co_return;
  }
  const net::Reply refusal = plain_reply(405, "Method Not Allowed\n");
  const net::Fields allow = one_field("Allow", is_health ? "GET, HEAD, POST" : "POST");
  (void)co_await exchange.respond(refusal, allow);
}

}  // namespace openpcc::router_com
