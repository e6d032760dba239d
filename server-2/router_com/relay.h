// relay.h - one sealed request to one worker, and its sealed answer back as it comes. Nothing is kept.
//
// A worker is asked for when the request is here (request_body.h): one that comes slowly holds none.
//
// The worker is a process that holds a user's request, and the client is anybody: neither is trusted.
#pragma once

#include "net/server.h"
#include "router_com/metrics.h"
#include "router_com/request_body.h"
#include "router_com/worker_link.h"

namespace openpcc::router_com {

// What a loop's requests have in common.
struct RelayParts {
  net::Loop& loop;
  WorkerLink& link;
  Metrics& metrics;
  Uploads& uploads;
};

struct RelayRequest {
  std::string media_type;
  Bytes encapsulated_key;
  int64_t credit_amount = 0;
  Bytes rek_point;
};

// Answers the exchange, or abandons it where an answer was begun and cannot be finished. A client that goes away ends
// the worker.
[[nodiscard]] net::Task<void> relay(RelayParts parts, net::Exchange& exchange, RelayRequest request);

}  // namespace openpcc::router_com
