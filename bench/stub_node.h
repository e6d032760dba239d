// stub_node.h - a compute node without a TPM and without a model, for measuring what stands in front of it.
#pragma once

#include "net/server.h"

namespace openpcc::bench {

// Answers every request with its own body, chunked and with a refund trailer, as router_com answers. `refund` empty: no
// trailer.
class StubNode final : public net::Handler {
 public:
  explicit StubNode(std::string refund) : refund_(std::move(refund)) {}
  net::Task<void> handle(net::Exchange& exchange) override {
    const auto body = co_await exchange.read_all(1 << 24);
    if (!body) co_return;
    net::ResponseHead head{200, {}};
    head.fields.push_back({"Content-Type", "application/confsec-chunked-res"});
    head.fields.push_back({"Trailer", "X-Refund-Amount"});
    (void)exchange.start(head, std::nullopt);
    net::Fields trailers;
    if (!refund_.empty()) trailers.push_back({"X-Refund-Amount", refund_});
    (void)co_await exchange.finish(*body, trailers);
  }

 private:
  std::string refund_;
};

}  // namespace openpcc::bench
