// rehearsal.h - a request that nobody sent, served by each child while it waits for its own.
//
// A child's first request would find every page still shared with the parent, OpenSSL without its tables, random
// generators to be fed anew: more time than the request's own work takes. So a child serves one of ours first, from
// sealed bytes to sealed bytes, with the engine noop and a key that stands in for the TPM's.
#pragma once

#include "worker/child.h"
#include "worker/protocol.h"

namespace openpcc::worker {

class Rehearsal {
 public:
  // In the parent, once, for one of the models that are served.
  [[nodiscard]] static Result<Rehearsal> create(const std::string& model);
  // In a child that is not in the sandbox yet: it takes a pair of sockets, which are closed again.
  [[nodiscard]] Status run(const ChildOptions& options) const;

 private:
  Rehearsal(RequestHead head, Bytes body, SecretBytes shared)
      : head_(std::move(head)), body_(std::move(body)), shared_(std::move(shared)) {}
  RequestHead head_;
  Bytes body_;
  SecretBytes shared_;  // what the broker would answer
};

}  // namespace openpcc::worker
