#include "engine.h"

#include <algorithm>

#include "base/base64.h"
#include "base/limits.h"
#include "exchange.h"
#include "tpmwire/pcr.h"

namespace openpcc::sdk {
namespace {

constexpr std::string_view kPromptPaths[] = {"/v1/chat/completions", "/v1/completions", "/api/chat", "/api/generate"};
constexpr std::string_view kUnavailable = "all candidate nodes unavailable";

std::unexpected<ClientError> bad_option(std::string message) {
  return failure(Failure::kUsage, kBadOption, std::move(message));
}

ClientResult<verify::Policy> policy_of(const ClientOptions& options) {
  verify::Policy policy;
  for (const auto& [index, value] : options.expected_pcrs) {
    if (std::ranges::find(tpmwire::kOfficialPcrs, index) == tpmwire::kOfficialPcrs.end()) {
      return bad_option("PCR " + std::to_string(index) +
                        " cannot be pinned: nodes quote 0, 1, 2, 3, 4, 5, 7, 8 and 12");
    }
    policy.expected_pcrs[index] = value;
  }
  if (options.dev_attestation.insecure_accept) {
#if OPENPCC_DEV_ATTESTATION
    if (options.dev_attestation.secret.empty()) return bad_option("the development secret is empty");
    policy.insecure_development_secret = SecretBytes::copy_of(as_bytes(options.dev_attestation.secret));
#else
    return bad_option("this build never accepts development attestation");
#endif
  }
  return policy;
}

ClientResult<Tags> tags_of(const std::vector<std::string>& list) {
  auto tags = Tags::from(list);
  if (!tags) return bad_option(tags.error().message);
  return std::move(*tags);
}

ClientResult<void> check(const Request& request, const Tags& tags) {
  if (request.body.size() > limits::kRequestBody) {
    return failure(Failure::kUsage, kRequestTooLarge,
                   "the request has " + std::to_string(request.body.size()) + " bytes; a node takes at most " +
                       std::to_string(limits::kRequestBody));
  }
  if (!request.path.starts_with('/')) return failure(Failure::kUsage, kBadRequest, "the path must start with '/'");
  for (const auto& header : request.headers) {
    for (const char* ours : {"content-type", "content-length", "x-confsec-badge", "host"}) {
      if (net::same_name(header.name, ours)) {
        return failure(Failure::kUsage, kBadRequest,
                       std::string("the header ") + ours + " is set by the client itself");
      }
    }
  }
  // As the official client: nothing else says which model a node must have (openpcc client.go).
  if (std::ranges::find(kPromptPaths, request.path) != std::end(kPromptPaths) && tags.values_of("model").empty()) {
    return failure(Failure::kUsage, kBadRequest, "a prompt needs a tag model=NAME");
  }
  return {};
}

}  // namespace

ClientResult<std::shared_ptr<Engine>> Engine::create(ClientOptions options, Dependencies dependencies) {
  if (options.router_url.empty()) return bad_option("no router is set");
  const auto url = net::parse_url(options.router_url);
  if (!url) return bad_option("the router's URL: " + url.error().message);
  auto tags = tags_of(options.tags);
  if (!tags) return std::unexpected(std::move(tags).error());
  if (options.max_candidates < 1 || options.max_candidates > 16) return bad_option("candidates must be 1 to 16");
  if (options.credit_amount <= 0) return bad_option("the credit amount must be greater than 0");
  if (!options.badge.empty() && !from_base64(options.badge)) return bad_option("the badge is no base64");
  auto policy = policy_of(options);
  if (!policy) return std::unexpected(std::move(policy).error());
  if (!dependencies.transport) {
    const auto& limits = options.timeouts;
    dependencies.transport = make_http_transport(*url, {limits.connect, limits.idle, limits.total});
  }
  return std::shared_ptr<Engine>(
      new Engine(std::move(options), std::move(*tags), std::move(dependencies), std::move(*policy)));
}

Engine::Engine(ClientOptions options, Tags tags, Dependencies dependencies, verify::Policy policy)
    : options_(std::move(options)),
      tags_(std::move(tags)),
      dependencies_(std::move(dependencies)),
      wallet_(options_.wallet_command),
      finder_(*dependencies_.transport, wallet_, std::move(policy), dependencies_.random, dependencies_.now) {}

ClientResult<Summary> Engine::send(const Request& request, ResponseEvents& events, const CancelToken& cancel) {
  Tags tags = tags_;
  if (request.tags) {
    auto own = tags_of(*request.tags);
    if (!own) return std::unexpected(std::move(own).error());
    tags = std::move(*own);
  }
  if (auto checked = check(request, tags); !checked) return std::unexpected(std::move(checked).error());
  const net::Cancellation* cancellation = &cancel.state_->cancellation;

  std::optional<std::string> credit;
  std::chrono::nanoseconds verification{0};
  for (bool first = true;; first = false) {
    auto nodes = finder_.find(tags, options_.max_candidates, cancellation);
    if (!nodes) return std::unexpected(std::move(nodes).error());
    verification += nodes->verification;
    events.on_nodes(nodes->reports, nodes->verification);
    auto sealed = seal_request(request, options_.badge, nodes->verified, dependencies_.random);
    if (!sealed) return std::unexpected(std::move(sealed).error());
    events.on_sealed(sealed->info);
    if (!credit) {
      auto paid = wallet_.credit(std::to_string(options_.credit_amount));
      if (!paid) return std::unexpected(std::move(paid).error());
      credit = std::move(*paid);
    }
    TransportRequest post{
        "POST",
        "/",
        {{"Content-Type", std::string(sealed->message.media_type())}, {"X-Routing-Info", sealed->routing_info}},
        sealed->message.body()};
    if (credit) post.fields.push_back({"X-Credit", *credit});

    Exchange exchange(*sealed, events);
    const auto sent = dependencies_.transport->send(post, exchange.callbacks(), cancellation);
    auto summary = exchange.conclude(sent);
    if (summary) {
      summary->verification = verification;
      return summary;
    }
    const ClientError& error = summary.error();
    if (error.kind != Failure::kCancelled && exchange.node()) finder_.drop(*exchange.node());
    // The nodes went away since they were named. The router says so before it touches the credit.
    const bool gone = error.http_status == 404 && error.message.find(kUnavailable) != std::string::npos;
    if (!gone || !first) return std::unexpected(std::move(summary).error());
    finder_.forget(tags);
  }
}

ClientResult<std::vector<NodeReport>> Engine::nodes(int limit, const CancelToken& cancel) {
  if (limit < 1 || limit > limits::kManifestLimit) return bad_option("between 1 and 500 nodes can be asked for");
  auto found = finder_.query(tags_, limit, &cancel.state_->cancellation);
  if (!found) return std::unexpected(std::move(found).error());
  return std::move(found->reports);
}

ClientResult<std::chrono::nanoseconds> Engine::ping(const CancelToken& cancel) {
  constexpr size_t kMaxPong = 4096;
  const auto started = dependencies_.now();
  const auto reply = fetch(*dependencies_.transport, {"GET", "/ping", {}, {}}, kMaxPong, &cancel.state_->cancellation);
  if (!reply) return std::unexpected(reply.error());
  if (as_text(reply->body) != "pong") {
    return failure(Failure::kRequest, kBadRouterAnswer, "something answers there, but it is no router", 200);
  }
  return dependencies_.now() - started;
}

}  // namespace openpcc::sdk
