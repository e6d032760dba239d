// stub_client.h - a Client on top of a StubRouter, without a network, and events that remember what they were told.
#pragma once

#include "engine.h"
#include "stub_router.h"

namespace openpcc::sdk {

class StubTransport final : public Transport {
 public:
  explicit StubTransport(StubRouter& router) : router_(router) {}
  size_t piece = 64;               // bytes of a body that come at a time
  std::optional<Error> dead = {};  // nothing comes back at all

  Result<net::Fields> send(const TransportRequest& request, const net::HttpCallbacks& callbacks,
                           const net::Cancellation* cancel) override {
    if (dead) return std::unexpected(*dead);
    const StubReply reply = router_.handle(request.method, request.path, request.fields, request.body);
    OPENPCC_TRY_STATUS(callbacks.on_head(reply.head));
    ByteView left = reply.body;
    if (reply.cut_after) left = left.first(std::min(*reply.cut_after, left.size()));
    while (!left.empty()) {
      if (cancel != nullptr && cancel->cancelled()) return fail(net::kCancelled, "cancelled");
      const ByteView next = left.first(std::min(piece, left.size()));
      OPENPCC_TRY_STATUS(callbacks.on_body(next));
      left = left.subspan(next.size());
    }
    if (reply.cut_after) return fail(net::kCutOff, "the connection ended inside the body");
    return reply.trailers;
  }

 private:
  StubRouter& router_;
};

struct RecordedEvents final : ResponseEvents {
  std::vector<NodeReport> nodes;
  std::vector<SealedInfo> sealed;
  std::vector<ResponseHead> heads;
  std::string body;
  bool cancel_at_head = false;
  std::function<bool()> at_body;

  void on_nodes(const std::vector<NodeReport>& list, std::chrono::nanoseconds /*time*/) override { nodes = list; }
  void on_sealed(const SealedInfo& info) override { sealed.push_back(info); }
  bool on_head(const ResponseHead& head) override {
    heads.push_back(head);
    return !cancel_at_head;
  }
  bool on_body(std::string_view bytes) override {
    body += bytes;
    return !at_body || at_body();
  }
};

struct StubClient {
  StubRouter router;
  StubTransport* transport = nullptr;  // owned by the client
  std::chrono::steady_clock::time_point time{};
  ClientOptions options = default_options();

  static ClientOptions default_options() {
    ClientOptions options;
    options.router_url = "http://stub.invalid";
    options.tags = {"llm", "model=test:stub"};
    options.dev_attestation.insecure_accept = true;
    return options;
  }
  // With the options as they are now. This object must stay where it is and outlive the client.
  Client make() {
    auto owned = std::make_unique<StubTransport>(router);
    transport = owned.get();
    Dependencies dependencies;
    dependencies.transport = std::move(owned);
    dependencies.now = [this] { return time; };
    auto client = Client::create_for_testing(options, std::move(dependencies));
    if (!client) std::abort();
    return std::move(*client);
  }
  static Request prompt() {
    Request request;
    request.path = "/v1/chat/completions";
    request.body = R"({"model":"test:stub","messages":[],"stream":true})";
    return request;
  }
};

}  // namespace openpcc::sdk
