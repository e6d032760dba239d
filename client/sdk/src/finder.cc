#include "finder.h"

#include <algorithm>
#include <set>

#include "wire/router.h"

namespace openpcc::sdk {
namespace {

StepOutcome outcome_of(verify::Outcome outcome) {
  switch (outcome) {
    case verify::Outcome::kPassed:
      return StepOutcome::kPassed;
    case verify::Outcome::kFailed:
      return StepOutcome::kFailed;
    case verify::Outcome::kQuotedNotCompared:
      return StepOutcome::kQuotedNotCompared;
    case verify::Outcome::kDevelopmentProvesNothing:
      return StepOutcome::kDevelopmentProvesNothing;
    case verify::Outcome::kNotReached:
      return StepOutcome::kNotReached;
  }
  return StepOutcome::kNotReached;
}

void refuse(NodeReport& report, const Error& error) {
  report.refusal_code = error.code.name;
  report.refusal = error.message;
}

std::string list_of(const Tags& tags) {
  std::string text;
  for (const auto& tag : tags.all()) text += (text.empty() ? "" : ", ") + tag;
  return text.empty() ? "no tags" : text;
}

std::unexpected<ClientError> nothing_verified(const Tags& tags, std::vector<NodeReport> reports) {
  std::string message = reports.empty() ? "the router knows no node with " + list_of(tags)
                                        : "none of the " + std::to_string(reports.size()) + " nodes with " +
                                              list_of(tags) + " could be verified";
  return std::unexpected(
      ClientError{Failure::kNoVerifiedNode, kNoVerifiedNode, std::move(message), 200, std::move(reports)});
}

// Uniform in [0, bound), from whole random words: those of the last, incomplete round are thrown away.
Result<uint64_t> random_below(uint64_t bound, const RandomSource& random) {
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  while (true) {
    uint64_t value = 0;
    OPENPCC_TRY_STATUS(random({reinterpret_cast<uint8_t*>(&value), sizeof value}));
    if (value < limit) return value % bound;
  }
}

}  // namespace

Status NodeFinder::shuffle(std::vector<std::shared_ptr<const Node>>& nodes) const {
  for (size_t i = nodes.size(); i > 1; --i) {
    OPENPCC_TRY(const uint64_t j, random_below(i, random_));
    std::swap(nodes[i - 1], nodes[j]);
  }
  return {};
}

ClientResult<NodeSet> NodeFinder::query(const Tags& tags, int limit, const net::Cancellation* cancel) const {
  const auto body = wire::encode(wire::ComputeManifestRequest{tags, limit});
  if (!body) return failure(Failure::kUsage, kBadRequest, body.error().message);
  auto credit = wallet_.credit("special");
  if (!credit) return std::unexpected(std::move(credit).error());
  TransportRequest request{"POST", "/compute-manifests", {{"Content-Type", "application/octet-stream"}}, *body};
  if (*credit) request.fields.push_back({"X-Credit", **credit});
  const auto reply = fetch(transport_, request, wire::kMaxManifestListSize, cancel);
  if (!reply) return std::unexpected(reply.error());
  auto manifests = wire::decode_manifest_list(reply->body);
  if (!manifests) {
    return failure(Failure::kRequest, kBadRouterAnswer,
                   "the router's answer is no list of nodes: " + manifests.error().message, 200);
  }

  NodeSet set;
  std::set<UuidV7> seen;
  const auto started = now_();
  for (auto& manifest : *manifests) {
    NodeReport report;
    report.id = manifest.id.to_string();
    report.tags.assign(manifest.tags.all().begin(), manifest.tags.all().end());
    auto list = evidence::List::from(std::move(manifest.evidence));
    if (!list) {
      refuse(report, list.error());
    } else {
      auto verification = verify::verify_evidence(*list, policy_);
      for (auto& step : verification.steps) {
        report.steps.push_back({step.name, step.title, outcome_of(step.outcome), step.detail});
      }
      if (!verification.node) {
        refuse(report, verification.node.error());
      } else if (!seen.insert(manifest.id).second) {
        // The answer names its node by id: one id with two keys could not be told apart.
        refuse(report, {verify::kBadPieces, "the router names another node with the same id"});
      } else {
        report.verified = true;
        report.insecure_development = verification.node->insecure_development();
        for (const auto& [index, value] : verification.node->pcr_values()) report.pcr_values[index] = to_hex(value);
        set.verified.push_back(std::make_shared<const Node>(Node{manifest.id, std::move(*verification.node)}));
      }
    }
    set.reports.push_back(std::move(report));
  }
  set.verification = now_() - started;
  return set;
}

ClientResult<NodeSet> NodeFinder::find(const Tags& tags, int max_nodes, const net::Cancellation* cancel) {
  NodeSet set;
  bool cached = false;
  {
    const std::scoped_lock lock(mutex_);
    const auto time = now_();
    std::erase_if(cache_, [&](const Entry& entry) { return entry.expires <= time || entry.set.verified.empty(); });
    const auto it = std::ranges::find(cache_, tags, &Entry::tags);
    if (it != cache_.end()) {
      cache_.splice(cache_.begin(), cache_, it);
      set = it->set;
      set.verification = {};
      cached = true;
    }
  }
  if (!cached) {
    auto found = query(tags, max_nodes, cancel);
    // There may be better ones among those that were not named.
    if (found && found->verified.empty() && found->reports.size() >= static_cast<size_t>(max_nodes)) {
      found = query(tags, kSecondLook, cancel);
    }
    if (!found) return std::unexpected(std::move(found).error());
    if (found->verified.empty()) return nothing_verified(tags, std::move(found->reports));
    set = std::move(*found);
    const std::scoped_lock lock(mutex_);
    std::erase_if(cache_, [&](const Entry& entry) { return entry.tags == tags; });
    cache_.push_front({tags, set, now_() + kTimeToLive});
    if (cache_.size() > kMaxEntries) cache_.pop_back();
  }
  // Which node is asked must not depend on what the router would like.
  if (const auto shuffled = shuffle(set.verified); !shuffled) return internal(shuffled.error());
  if (set.verified.size() > static_cast<size_t>(max_nodes)) set.verified.resize(static_cast<size_t>(max_nodes));
  return set;
}

void NodeFinder::drop(const UuidV7& id) {
  const std::scoped_lock lock(mutex_);
  for (Entry& entry : cache_) {
    std::erase_if(entry.set.verified, [&](const auto& node) { return node->id == id; });
    std::erase_if(entry.set.reports, [&](const NodeReport& report) { return report.id == id.to_string(); });
  }
}

void NodeFinder::forget(const Tags& tags) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(cache_, [&](const Entry& entry) { return entry.tags == tags; });
}

}  // namespace openpcc::sdk
