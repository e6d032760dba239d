// exchange.h - one sealed request and its answer, opened as it streams in.
//
// Everything that comes back is hostile until it has been opened. Source: openpcc client.go (RoundTrip).
#pragma once

#include <optional>

#include "finder.h"
#include "sealed/request_message.h"
#include "sealed/response_message.h"

namespace openpcc::sdk {

struct SealedRequest {
  struct Recipient {
    UuidV7 id;
    sealed::Candidate candidate;
  };
  sealed::SealedRequest message;
  std::string routing_info;  // X-Routing-Info
  std::vector<Recipient> recipients;
  SealedInfo info;
};

// The request as Binary HTTP, sealed once, its key to each node. The badge travels inside.
[[nodiscard]] ClientResult<SealedRequest> seal_request(const Request& request, const std::string& badge,
                                                       const std::vector<std::shared_ptr<const Node>>& nodes,
                                                       const RandomSource& random);

class Exchange final : private bhttp::Handler {
 public:
  Exchange(const SealedRequest& request, ResponseEvents& events) : request_(request), events_(events) {}

  [[nodiscard]] net::HttpCallbacks callbacks();
  // Once the transport has ended, with its result.
  [[nodiscard]] ClientResult<Summary> conclude(const Result<net::Fields>& sent);
  // The node whose answer it was to be, where the router named one that was asked.
  [[nodiscard]] const std::optional<UuidV7>& node() const { return node_; }

 private:
  Status on_head(const net::ResponseHead& head);
  Status on_body(ByteView bytes);
  Status on_response(bhttp::ResponseHead head) override;
  Status on_content(ByteView data) override;
  // Keeps the error for conclude() and tells the transport to stop.
  Status stop(Failure kind, const char* code, std::string message);
  Status stop(const Error& error);

  const SealedRequest& request_;
  ResponseEvents& events_;
  std::optional<ClientError> failed_;
  std::optional<UuidV7> node_;
  net::ResponseHead head_;
  Bytes refusal_;  // body of an answer that is not 200
  std::optional<sealed::ResponseReader> reader_;
  int inner_status_ = 0;
};

}  // namespace openpcc::sdk
