// stub_router.h - a router and its nodes in one object, for tests: real sealing, real evidence (of a software TPM), no
// network, and a hand to alter whatever goes back.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "bhttp/message.h"
#include "net/http.h"
#include "sealed/request_message.h"
#include "verify/software_tpm_for_testing.h"
#include "wire/router.h"

namespace openpcc::sdk {

struct StubNode {
  UuidV7 id;
  std::vector<std::string> tags = {"llm", "model=test:stub"};
  const verify::SoftwareTpmForTesting* tpm = &verify::SoftwareTpmForTesting::instance();
  verify::EvidenceFaults faults = {};
  std::function<void(wire::SignedEvidenceList&)> alter_evidence = {};
};

// What the model says, before it is sealed.
struct StubAnswer {
  int status = 200;
  std::string content_type = "text/event-stream";
  std::vector<std::string> pieces;  // each written, and so sealed, on its own
  bool chunked = true;
};

struct StubReply {
  net::ResponseHead head;
  Bytes body;
  net::Fields trailers;
  std::optional<size_t> cut_after;  // the connection dies after so many bytes of the body
};

class StubRouter {
 public:
  StubRouter();

  // One answer in OpenAI's stream form, a piece for each text.
  [[nodiscard]] static StubAnswer chat_answer(const std::vector<std::string>& texts);
  [[nodiscard]] static UuidV7 make_id(uint8_t number);
  // Nonce, frames, final frame.
  [[nodiscard]] static std::vector<Bytes> split(ByteView sealed);

  // Thread-safe, one at a time.
  [[nodiscard]] StubReply handle(const std::string& method, const std::string& path, const net::Fields& fields,
                                 ByteView body);
  // Requests that come after it see what was set here before it, and what requests did before it is seen after it. For
  // a test whose requests do not come from its own thread; between such calls the members are its own.
  void synchronize() { const std::scoped_lock lock(mutex_); }

  std::vector<StubNode> nodes;
  StubAnswer answer;
  net::Fields trailers;                   // of every sealed answer
  std::function<void(StubReply&)> alter;  // every reply to a sealed request
  int unavailable = 0;                    // so many sealed requests are answered: all candidate nodes unavailable
  size_t answering = 0;                   // which candidate answers

  struct Seen {
    net::Fields fields;  // of the request to the router
    bhttp::RequestHead head;
    std::string body;
  };
  std::vector<Seen> requests;            // opened
  std::vector<int> manifest_limits;      // one for each query
  net::Fields manifest_fields;           // of the last query
  std::vector<size_t> candidate_counts;  // one for each sealed request

 private:
  [[nodiscard]] StubReply manifests(const net::Fields& fields, ByteView body);
  [[nodiscard]] StubReply forward(const net::Fields& fields, ByteView body);
  [[nodiscard]] Result<StubReply> answer_as(const StubNode& node, const wire::ComputeCandidate& candidate,
                                            const net::Fields& fields, ByteView body);
  std::mutex mutex_;
};

[[nodiscard]] StubReply error_reply(int status, const std::string& message);

}  // namespace openpcc::sdk
