#include <algorithm>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "report.h"

namespace openpcc::cli {
namespace {

void show_node(const NodeReport& node) {
  if (!node.verified) {
    out().line(node.id + "  " + out().coloured(Colour::kRed, "refused") + ": " + printable(node.refusal) +
               (node.refusal_code.empty() ? "" : " (" + node.refusal_code + ")"));
  } else if (node.insecure_development) {
    out().line(node.id + "  " + out().coloured(Colour::kYellow, "checked, but development: proves nothing"));
  } else {
    out().line(node.id + "  " + out().coloured(Colour::kGreen, "verified"));
  }
  std::string tags;
  for (const auto& tag : node.tags) tags += (tags.empty() ? "" : ", ") + tag;
  out().line("  tags: " + printable(tags));
  show_steps(out(), node);
  for (const auto& [index, value] : node.pcr_values) out().line("    PCR " + std::to_string(index) + "=" + value);
}

}  // namespace

int nodes(const Flags& flags, int limit) {
  auto ready = get_ready(flags, false);
  if (!ready) return ready.error();
  const auto& dev = ready->settings.client.dev_attestation;
  const auto found = ready->client.nodes(limit);
  if (!found) {
    if (flags.json) out().line(dump(to_json(found.error())));
    return show_error(found.error(), dev);
  }
  if (flags.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& node : *found) list.push_back(to_json(node));
    out().line(dump({{"nodes", std::move(list)}}));
  } else {
    for (const auto& node : *found) show_node(node);
  }
  if (std::ranges::any_of(*found, &NodeReport::verified)) return kAnswered;
  std::string tags;
  for (const auto& tag : ready->settings.client.tags) tags += (tags.empty() ? "" : ", ") + tag;
  err().line(found->empty() ? "pcc: the router knows no node with " + printable(tags)
                            : "pcc: none of the nodes could be verified");
  show_refusal_hints(*found);
  return kNoNodeVerified;
}

int ping(const Flags& flags) {
  auto ready = get_ready(flags, false);
  if (!ready) return ready.error();
  const auto& options = ready->settings.client;
  const auto time = ready->client.ping();
  if (!time) {
    if (flags.json) out().line(dump(to_json(time.error())));
    return show_error(time.error(), options.dev_attestation);
  }
  const double milliseconds = static_cast<double>(time->count()) / 1e6;
  if (flags.json) {
    out().line(dump({{"router", options.router_url}, {"milliseconds", milliseconds}}));
  } else {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f ms", milliseconds);
    out().line("pong from " + printable(options.router_url) + " in " + text);
  }
  return kAnswered;
}

}  // namespace openpcc::cli
