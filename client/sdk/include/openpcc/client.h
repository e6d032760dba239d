// openpcc/client.h - ask a compute node something that nothing between you and it can read.
//
// A Client finds nodes through a router, verifies the evidence of each, seals a request to the keys of up to three of
// them, and opens the response as it streams in. Everything the router and the nodes send is hostile until it has been
// verified or opened. A Client may be used from several threads at once; a call blocks until it has finished. Nothing
// of a request or a response is ever logged or kept.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace openpcc {

namespace sdk {
struct Dependencies;
class Engine;
}  // namespace sdk

// True when this build can accept development attestation at all.
[[nodiscard]] bool development_attestation_compiled_in();
[[nodiscard]] std::string_view sdk_version();

struct DevAttestation {
  // Accept evidence that proves nothing, made with a shared secret. For local work only.
  bool insecure_accept = false;
  std::string secret = "123456";  // the official development secret
};

struct ClientTimeouts {
  std::chrono::milliseconds connect{30'000};
  std::chrono::milliseconds idle{300'000};  // the longest silence within an answer
  std::chrono::milliseconds total{0};       // the whole request; 0 = no limit
};

struct ClientOptions {
  std::string router_url;                   // "http://127.0.0.1:3600"
  std::vector<std::string> tags = {"llm"};  // a node must carry every one of them
  int max_candidates = 3;                   // nodes a request is sealed to, 1..16
  DevAttestation dev_attestation;
  // PCR index -> the value it must have. What is not pinned is reported as "quoted, not compared".
  std::map<uint32_t, std::array<uint8_t, 32>> expected_pcrs;
  std::string badge;           // value of the user badge; travels inside the sealed request only. Empty = none
  std::string wallet_command;  // run as `COMMAND AMOUNT` or `COMMAND special`, prints one credit. Empty = no credit
  int64_t credit_amount = 262144;
  ClientTimeouts timeouts;
};

enum class Failure {
  kRequest,         // the router or the node refused, or could not be reached
  kUsage,           // the options or the request are wrong; nothing was sent
  kNoVerifiedNode,  // no node could be verified
  kBroken,          // the answer was cut off or altered; what was delivered of it is not to be trusted as whole
  kCancelled,       // by the caller
};

enum class StepOutcome { kPassed, kFailed, kQuotedNotCompared, kDevelopmentProvesNothing, kNotReached };
[[nodiscard]] std::string_view step_outcome_name(StepOutcome outcome);

struct VerificationStep {
  std::string name;   // stable, for programs
  std::string title;  // for people
  StepOutcome outcome = StepOutcome::kNotReached;
  std::string detail;
};

// What became of one node the router named.
struct NodeReport {
  std::string id;
  std::vector<std::string> tags;  // what the router says; proves nothing
  bool verified = false;
  bool insecure_development = false;  // its root of trust was the development one
  std::vector<VerificationStep> steps;
  std::string refusal_code;  // empty when verified
  std::string refusal;
  std::map<uint32_t, std::string> pcr_values;  // in hexadecimal; only when verified
};

struct ClientError {
  Failure kind = Failure::kRequest;
  std::string code;               // stable: "client.answer_cut", "router.refused", …
  std::string message;            // for people; may quote what the router or node said, so print it with care
  int http_status = 0;            // of the router, where it answered
  std::vector<NodeReport> nodes;  // with kNoVerifiedNode: every refused node and why
};

template <typename T>
using ClientResult = std::expected<T, ClientError>;

struct Header {
  std::string name;
  std::string value;
};

struct Request {
  std::string method = "POST";
  std::string path;             // "/v1/chat/completions"
  std::vector<Header> headers;  // besides content-type, content-length and the badge
  std::string content_type = "application/json";
  std::string body;                              // at most 1 MiB
  std::optional<std::vector<std::string>> tags;  // instead of the client's
};

struct SealedInfo {
  size_t request_bytes = 0;             // of the body before sealing
  size_t sealed_bytes = 0;              // what travels, without the key of each candidate
  std::vector<std::string> candidates;  // ids of the nodes that can open it
};

struct ResponseHead {
  int status = 0;
  std::vector<Header> headers;
  std::string node_id;  // who answered
};

// Callbacks of one request, on the calling thread, in this order. The views are valid during the call only.
class ResponseEvents {
 public:
  virtual ~ResponseEvents() = default;
  // Verified and refused nodes; `verification` is the time the checks took, zero when the cache answered. Again, when
  // none of them was available any more and others were looked for.
  virtual void on_nodes(const std::vector<NodeReport>& nodes, std::chrono::nanoseconds verification);
  virtual void on_sealed(const SealedInfo& info);
  // From here on what comes was opened with the key agreed with the node. Return false to cancel.
  virtual bool on_head(const ResponseHead& head);
  virtual bool on_body(std::string_view bytes);
};

struct Summary {
  std::string node_id;
  int status = 0;
  std::chrono::nanoseconds verification{0};
  std::optional<std::string> refund;  // credit in base64; only after the answer opened whole
};

// Lets another thread end a running call. Copies share one state.
class CancelToken {
 public:
  CancelToken();
  void cancel() const;
  [[nodiscard]] bool cancelled() const;

 private:
  friend class Client;
  friend class sdk::Engine;
  struct State;
  std::shared_ptr<State> state_;
};

class Client {
 public:
  // kUsage when an option is wrong. Connects to nothing yet.
  [[nodiscard]] static ClientResult<Client> create(ClientOptions options);
  [[nodiscard]] static ClientResult<Client> create_for_testing(ClientOptions options, sdk::Dependencies dependencies);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Sends one request and delivers its response. A success means that the answer opened whole, whatever its status is.
  // With an error of kind kBroken, part of the answer may already have been delivered.
  [[nodiscard]] ClientResult<Summary> send(const Request& request, ResponseEvents& events,
                                           const CancelToken& cancel = CancelToken()) const;
  // Every node that carries the tags (at most `limit`), verified or refused. Does not use the cache.
  [[nodiscard]] ClientResult<std::vector<NodeReport>> nodes(int limit = 100,
                                                            const CancelToken& cancel = CancelToken()) const;
  // The time the router took to answer.
  [[nodiscard]] ClientResult<std::chrono::nanoseconds> ping(const CancelToken& cancel = CancelToken()) const;

 private:
  explicit Client(std::shared_ptr<sdk::Engine> engine);
  std::shared_ptr<sdk::Engine> engine_;
};

}  // namespace openpcc
