#include "proxy_fields.h"

#include <algorithm>

namespace openpcc::router {
namespace {

using net::same_name;

bool starts_with_name(std::string_view name, std::string_view prefix) {
  return name.size() >= prefix.size() && same_name(name.substr(0, prefix.size()), prefix);
}

bool is_ours_or_framing(std::string_view name) {
  constexpr std::string_view kDropped[] = {"X-Routing-Info", "X-Credit", "X-Encapsulated-Key", "X-Credit-Amount",
                                           "Content-Length", "Expect",   "Forwarded"};
  return std::any_of(std::begin(kDropped), std::end(kDropped),
                     [&](std::string_view dropped) { return same_name(name, dropped); }) ||
         starts_with_name(name, "X-Forwarded-");
}

// The names of a Trailer field that may be announced to the client beside X-Refund.
std::string other_trailers(const net::Fields& from_node) {
  std::string out;
  for (const net::Field& field : from_node) {
    if (!same_name(field.name, "Trailer")) continue;
    std::string_view list = field.value;
    while (!list.empty()) {
      const size_t comma = std::min(list.find(','), list.size());
      std::string_view name = list.substr(0, comma);
      list.remove_prefix(std::min(comma + 1, list.size()));
      while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
      while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
      if (name.empty() || same_name(name, "X-Refund-Amount") || same_name(name, "X-Refund")) continue;
      out += (out.empty() ? "" : ", ") + std::string(name);
    }
  }
  return out;
}

}  // namespace

net::Fields fields_for_node(const net::Fields& from_client, std::string encapsulated_key, int64_t amount) {
  net::Fields out;
  out.reserve(from_client.size() + 2);
  for (const net::Field& field : from_client) {
    if (!is_ours_or_framing(field.name)) out.push_back(field);
  }
  net::remove_hop_by_hop(out);
  out.push_back({"X-Encapsulated-Key", std::move(encapsulated_key)});
  out.push_back({"X-Credit-Amount", std::to_string(amount)});
  return out;
}

net::Fields fields_for_client(const net::Fields& from_node, const std::string& node_id) {
  std::string others = other_trailers(from_node);
  net::Fields out;
  out.reserve(from_node.size() + 3);
  for (const net::Field& field : from_node) {
    if (!same_name(field.name, "Content-Length") && !same_name(field.name, "X-Node-ID")) out.push_back(field);
  }
  net::remove_hop_by_hop(out);
  out.push_back({"X-Node-ID", node_id});
  out.push_back({"Trailer", "X-Refund"});
  if (!others.empty()) out.push_back({"Trailer", std::move(others)});
  return out;
}

net::Fields trailers_for_client(net::Fields from_node, std::string refund) {
  std::erase_if(from_node, [](const net::Field& field) {
    return same_name(field.name, "X-Refund-Amount") || same_name(field.name, "X-Refund");
  });
  if (!refund.empty()) from_node.push_back({"X-Refund", std::move(refund)});
  return from_node;
}

}  // namespace openpcc::router
