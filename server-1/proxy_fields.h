// proxy_fields.h - which fields and trailers cross the router, in either direction (PROTOCOL G.4 steps 5 to 7; openpcc
// router/http_handler.go and Go's httputil.ReverseProxy). Pure.
#pragma once

#include "net/http.h"

namespace openpcc::router {

// What the node gets: the end-to-end fields of the request, without where it came from, without the routing info and
// the credit, with the node's key and the amount. Host stays the client's; lengths are set by who sends.
[[nodiscard]] net::Fields fields_for_node(const net::Fields& from_client, std::string encapsulated_key, int64_t amount);

// What the client gets: the end-to-end fields of the response, the node's id, and X-Refund announced among the
// trailers, also where none will follow.
[[nodiscard]] net::Fields fields_for_client(const net::Fields& from_node, const std::string& node_id);

// The node's trailers without its refund amount, and with the refund where there is one. An X-Refund of the node's own
// making is dropped: only the router issues refunds.
[[nodiscard]] net::Fields trailers_for_client(net::Fields from_node, std::string refund);

}  // namespace openpcc::router
