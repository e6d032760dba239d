// child_testing.h - for tests: a client that seals and opens, a broker with a software key, an engine made of a lambda.
#pragma once

#include <thread>

#include "crypto/key_pair.h"
#include "process/message.h"
#include "process/unix_socket.h"
#include "sealed/request_message.h"
#include "sealed/response_message.h"
#include "wire/worker_output.h"
#include "worker/child.h"

namespace openpcc::worker {

inline constexpr int64_t kTestCredit = 262144;

// Its private half stands in for the TPM's.
inline const crypto::KeyPair& test_rek() {
  static const crypto::KeyPair key = crypto::KeyPair::generate(crypto::Kem::kP256HkdfSha256).value();
  return key;
}

// What tpm_broker does with one pair.
inline void answer_as_broker(int pair) {
  Bytes enc(65);
  if (!process::receive_exactly(pair, enc, process::within(std::chrono::seconds(10)))) return;
  const auto shared = test_rek().dh(enc);
  Bytes answer(33);
  answer[0] = shared ? 0 : 1;
  if (shared) std::copy(shared->view().begin(), shared->view().end(), answer.begin() + 1);
  (void)process::send_all(pair, answer, process::within(std::chrono::seconds(1)));
}

class LambdaEngine : public engine::Engine {
 public:
  using Handle = std::function<Result<std::optional<engine::Usage>>(const engine::Request&, engine::ResponseSink&)>;
  explicit LambdaEngine(Handle handle) : handle_(std::move(handle)) {}
  std::string_view name() const override { return "lambda"; }
  std::vector<std::string> models() const override { return {"m"}; }
  Status load() override { return {}; }
  Result<std::optional<engine::Usage>> handle(const engine::Request& request, engine::ResponseSink& sink) override {
    return handle_(request, sink);
  }

 private:
  Handle handle_;
};

inline bhttp::RequestHead chat_head() {
  return {.method = "POST",
          .scheme = "http",
          .authority = "confsec.invalid",
          .path = "/v1/chat/completions",
          .fields = {{"content-type", "application/json"}}};
}
inline std::string chat_body(std::string_view text, bool stream) {
  return R"({"model":"m","messages":[{"role":"user","content":")" + std::string(text) + R"("}],"stream":)" +
         (stream ? "true}" : "false}");
}

// A request sealed for the test key, as router_com would get it.
struct SealedForTest {
  RequestHead head;
  Bytes body;
  std::optional<sealed::Candidate> candidate;
};
inline SealedForTest seal_for_test(const bhttp::RequestHead& head, std::string_view body) {
  auto sealed = sealed::seal_request(head, as_bytes(body)).value();
  SealedForTest out;
  out.candidate.emplace(sealed.encapsulate(test_rek().public_key()).value());
  out.head = {.media_type = std::string(sealed.media_type()),
              .encapsulated_key = out.candidate->encapsulated_key(),
              .rek_point = test_rek().public_key(),
              .credit_amount = kTestCredit};
  out.body = sealed.body();
  return out;
}
// In pieces: chunked framing.
inline SealedForTest seal_plaintext_for_test(ByteView plain) {
  auto sealer = sealed::RequestSealer::create(sealed::Mode::kChunked).value();
  SealedForTest out;
  out.candidate.emplace(sealer.encapsulate(test_rek().public_key()).value());
  out.head = {.media_type = std::string(sealer.media_type()),
              .encapsulated_key = out.candidate->encapsulated_key(),
              .rek_point = test_rek().public_key(),
              .credit_amount = kTestCredit};
  (void)sealer.write(plain, out.body);
  (void)sealer.finish(out.body);
  return out;
}
inline SealedForTest seal_chunked_for_test(const bhttp::RequestHead& head, std::string_view body) {
  return seal_plaintext_for_test(bhttp::encode_request(head, as_bytes(body)).value());
}

// Everything that came out of a child.
struct Answered : wire::WorkerOutputReader::Handler, bhttp::Handler {
  Status on_header(wire::OutputHeader output_header) override {
    header = std::move(output_header);
    return {};
  }
  Status on_data(ByteView data) override {
    append(sealed_body, data);
    ++frames;
    frame_sizes.push_back(data.size());
    return {};
  }
  Status on_footer(std::optional<wire::Currency> value) override {
    footer = true;
    refund = value;
    return {};
  }
  Status on_response(bhttp::ResponseHead response_head) override {
    head = std::move(response_head);
    return {};
  }
  Status on_content(ByteView data) override {
    content += as_text(data);
    return {};
  }

  std::optional<wire::OutputHeader> header;
  Bytes sealed_body;
  size_t frames = 0;
  std::vector<size_t> frame_sizes;
  bool footer = false;
  std::optional<wire::Currency> refund;
  bhttp::ResponseHead head;
  std::string content;
  Status opened;  // whether the sealed response was whole
  int exit = -1;
};

// Reads a child's output to its end and opens it.
inline void collect(int router, const SealedForTest& request, Answered& answered) {
  wire::WorkerOutputReader reader(answered);
  Bytes buffer(4096);
  while (true) {
    const auto got = process::receive_some(router, buffer, process::within(std::chrono::seconds(20)));
    if (!got || *got == 0 || !reader.feed(ByteView(buffer).first(*got))) break;
  }
  if (!answered.header) return;
  auto opener = sealed::ResponseReader::create(*request.candidate, answered.header->media_type, answered);
  answered.opened = opener ? opener->feed(answered.sealed_body) : std::unexpected(opener.error());
  if (answered.opened) answered.opened = opener->finish();
}

// The request, as router_com writes it.
inline void send_request(int router, const SealedForTest& request) {
  const auto limit = process::within(std::chrono::seconds(20));
  (void)process::send_message(router, encode(request.head), limit);
  for (ByteView rest = request.body; !rest.empty();) {
    const ByteView part = rest.first(std::min<size_t>(rest.size(), 10'000));
    if (!process::send_message(router, part, limit)) return;
    rest = rest.subspan(part.size());
  }
  (void)process::send_message(router, {}, limit);
}

}  // namespace openpcc::worker
