#include "node/registry.h"

#include <algorithm>
#include <limits>
#include <mutex>

namespace openpcc::node {
namespace {

constexpr size_t kNodeOverhead = 1024;  // what a node costs beside what it sent
constexpr uint8_t kListItemTag = 0x0a;  // ComputeManifestList.items = 1, length-delimited

void append_protobuf_length(Bytes& out, size_t size) {
  for (; size > 0x7f; size >>= 7) out.push_back(static_cast<uint8_t>((size & 0x7f) | 0x80));
  out.push_back(static_cast<uint8_t>(size));
}

wire::Timestamp to_timestamp(Time time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
  return {seconds.count(), static_cast<int32_t>((time.time_since_epoch() - seconds).count())};
}

size_t size_of(const RoutingEntry& entry) {
  size_t size = kNodeOverhead + entry.manifest.size() + entry.url.target.size() + entry.healthcheck_url.target.size();
  for (const auto& tag : entry.tags.all()) size += tag.size() + 64;
  return size;
}

}  // namespace

Result<size_t> random_below(size_t bound, const RandomSource& random) {
  const size_t limit = std::numeric_limits<size_t>::max() - std::numeric_limits<size_t>::max() % bound;
  while (true) {
    std::array<uint8_t, sizeof(size_t)> bytes{};
    OPENPCC_TRY_STATUS(random(bytes));
    size_t value = 0;
    for (const uint8_t byte : bytes) value = (value << 8) | byte;
    if (value < limit) return value % bound;
  }
}

Result<EntryPointer> Registry::make_entry(const UuidV7& id, const wire::RoutingInfo& info) const {
  auto entry = std::make_shared<RoutingEntry>();
  entry->id = id;
  entry->id_text = id.to_string();
  auto url = net::parse_url(info.url);
  if (!url) return fail(kBadInfo, "the node's URL: " + url.error().message);
  auto healthcheck_url = net::parse_url(info.healthcheck_url);
  if (!healthcheck_url) return fail(kBadInfo, "the node's health check URL: " + healthcheck_url.error().message);
  entry->url = *std::move(url);
  entry->healthcheck_url = *std::move(healthcheck_url);
  entry->tags = info.tags;
  const wire::ComputeManifest manifest{id, info.tags, info.evidence.value_or(wire::SignedEvidenceList())};
  OPENPCC_TRY(const Bytes encoded, wire::encode(manifest));
  entry->manifest.reserve(encoded.size() + 6);
  entry->manifest.push_back(kListItemTag);
  append_protobuf_length(entry->manifest, encoded.size());
  append(entry->manifest, encoded);
  return entry;
}

Result<bool> Registry::add_event(const wire::NodeEvent& event, Time now) {
  const auto* info = std::get_if<wire::RoutingInfo>(&event.payload);
  const std::unique_lock lock(mutex_);
  auto at = nodes_.find(event.node_id);
  const bool known = at != nodes_.end();
  const bool adopts = info != nullptr && (!known || !at->second.entry);

  EntryPointer entry;
  if (adopts) {
    OPENPCC_TRY(entry, make_entry(event.node_id, *info));
    if (bytes_ + size_of(*entry) > options_.max_bytes) return fail(kFull, "no room for the evidence of one more node");
  }
  if (!known) {
    if (nodes_.size() >= options_.max_nodes) return fail(kFull, "no room for one more node");
    at = nodes_.emplace(event.node_id, Node()).first;
    at->second.generation = ++generations_;
    at->second.next_evaluation = now + options_.reevaluate;
  }
  Node& node = at->second;
  bool changed = false;
  // Only the index orders events; timestamps are not compared (G.5).
  if (!node.seen || event.event_index > node.last_index) {
    node.seen = true;
    node.last_index = event.event_index;
    node.last_timestamp = event.timestamp;
    if (std::holds_alternative<wire::Shutdown>(event.payload)) node.shut_down = true;
    changed = true;
  }
  if (entry) {
    bytes_ += size_of(*entry);
    node.entry = std::move(entry);
    changed = true;
  }
  if (changed) evaluate(at, now);
  return changed;
}

void Registry::add_check(const HealthTarget& target, Check check, Time now) {
  const std::unique_lock lock(mutex_);
  const auto at = nodes_.find(target.id);
  if (at == nodes_.end() || at->second.generation != target.generation) return;
  History& history = at->second.history;
  history.forget_before(now - options_.grader.max_age);
  if (history.insert(std::move(check))) evaluate(at, now);
}

void Registry::evaluate_due(Time now) {
  const std::unique_lock lock(mutex_);
  for (auto at = nodes_.begin(); at != nodes_.end();) {
    const auto next = std::next(at);
    if (at->second.next_evaluation <= now) {
      at->second.next_evaluation = now + options_.reevaluate;
      evaluate(at, now);
    }
    at = next;
  }
}

bool Registry::evaluate(Nodes::iterator at, Time now) {
  Node& node = at->second;
  const auto evict = [&] {
    make_unroutable(node);
    if (node.entry) bytes_ -= size_of(*node.entry);
    nodes_.erase(at);
    return false;
  };
  if (node.shut_down) return evict();
  if (node.last_timestamp < to_timestamp(now - options_.grader.max_age)) return evict();
  switch (node.history.grade(options_.grader, now)) {
    case Grade::kUnavailable:
      return evict();
    case Grade::kUnknown:
      make_unroutable(node);
      return true;
    case Grade::kOk:
      make_routable(node);
      return true;
  }
  return true;
}

void Registry::make_routable(Node& node) {
  if (node.position != kNotRoutable || !node.entry) return;
  node.position = routable_.size();
  routable_.push_back(node.entry);
}

void Registry::make_unroutable(Node& node) {
  if (node.position == kNotRoutable) return;
  if (node.position + 1 != routable_.size()) {  // the last one takes its place
    routable_[node.position] = std::move(routable_.back());
    nodes_.at(routable_[node.position]->id).position = node.position;
  }
  routable_.pop_back();
  node.position = kNotRoutable;
}

std::vector<HealthTarget> Registry::health_targets() const {
  const std::shared_lock lock(mutex_);
  std::vector<HealthTarget> out;
  out.reserve(nodes_.size());
  for (const auto& [id, node] : nodes_) {
    if (node.entry && !node.shut_down) out.push_back({id, node.generation, node.entry->healthcheck_url});
  }
  return out;
}

Result<std::vector<EntryPointer>> Registry::query(const Tags& tags, int limit, const RandomSource& random) const {
  const std::shared_lock lock(mutex_);
  std::vector<EntryPointer> out;
  if (limit <= 0 || routable_.empty()) return out;
  OPENPCC_TRY(const size_t first, random_below(routable_.size(), random));
  for (size_t i = 0; i < routable_.size() && out.size() < static_cast<size_t>(limit); ++i) {
    const EntryPointer& entry = routable_[(first + i) % routable_.size()];
    if (entry->tags.contains_all(tags)) out.push_back(entry);
  }
  return out;
}

Result<Choice> Registry::choose(const wire::ComputeRequestInfo& info, const RandomSource& random) const {
  const std::shared_lock lock(mutex_);
  std::vector<EntryPointer> routable;
  routable.reserve(info.candidates.size());
  for (const auto& candidate : info.candidates) {
    const auto at = nodes_.find(candidate.id);
    if (at != nodes_.end() && at->second.position != kNotRoutable) routable.push_back(at->second.entry);
  }
  if (routable.empty()) return fail(kNoNode, "all candidate nodes unavailable");
  OPENPCC_TRY(const size_t index, random_below(routable.size(), random));
  for (size_t i = 0; i < info.candidates.size(); ++i) {
    if (info.candidates[i].id == routable[index]->id) return Choice{routable[index], i};
  }
  return fail(kNoNode, "all candidate nodes unavailable");
}

Registry::Counts Registry::counts() const {
  const std::shared_lock lock(mutex_);
  return {nodes_.size(), routable_.size()};
}

}  // namespace openpcc::node
