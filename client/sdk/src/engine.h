// engine.h - what a Client is made of. Inside of the SDK.
#pragma once

#include "finder.h"
#include "openpcc/client.h"

namespace openpcc {

struct CancelToken::State {
  net::Cancellation cancellation;
};

namespace sdk {

// What a Client takes from the outside world, for tests to replace.
struct Dependencies {
  std::unique_ptr<Transport> transport;  // null: HTTP to the router of the options
  RandomSource random = system_random;
  Now now = std::chrono::steady_clock::now;
};

class Engine {
 public:
  [[nodiscard]] static ClientResult<std::shared_ptr<Engine>> create(ClientOptions options, Dependencies dependencies);

  [[nodiscard]] ClientResult<Summary> send(const Request& request, ResponseEvents& events, const CancelToken& cancel);
  [[nodiscard]] ClientResult<std::vector<NodeReport>> nodes(int limit, const CancelToken& cancel);
  [[nodiscard]] ClientResult<std::chrono::nanoseconds> ping(const CancelToken& cancel);

 private:
  Engine(ClientOptions options, Tags tags, Dependencies dependencies, verify::Policy policy);

  const ClientOptions options_;
  const Tags tags_;
  const Dependencies dependencies_;
  const Wallet wallet_;
  NodeFinder finder_;
};

}  // namespace sdk
}  // namespace openpcc
