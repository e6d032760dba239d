#include "worker/rehearsal.h"

#include <nlohmann/json.hpp>

#include "crypto/key_pair.h"
#include "process/message.h"
#include "process/unix_socket.h"
#include "sealed/request_message.h"

namespace openpcc::worker {
namespace {

constexpr int64_t kCredit = 1 << 18;
constexpr auto kLimit = std::chrono::seconds(5);

class Ignore : public bhttp::Handler {
 public:
  Status on_content(ByteView) override { return {}; }
};

}  // namespace

Result<Rehearsal> Rehearsal::create(const std::string& model) {
  OPENPCC_TRY(const auto key, crypto::KeyPair::generate(crypto::Kem::kP256HkdfSha256));
  const nlohmann::json body = {
      {"model", model}, {"stream", true}, {"messages", {{{"role", "user"}, {"content", "a rehearsal"}}}}};
  const bhttp::RequestHead head{.method = "POST",
                                .scheme = "http",
                                .authority = "confsec.invalid",
                                .path = "/v1/chat/completions",
                                .fields = {{"content-type", "application/json"}, {"x-confsec-exec", "noop"}}};
  OPENPCC_TRY(const auto sealed, sealed::seal_request(head, as_bytes(body.dump())));
  OPENPCC_TRY(const auto candidate, sealed.encapsulate(key.public_key()));
  // Opened once here, for what the broker would say.
  SecretBytes shared;
  const auto dh = [&](ByteView enc) -> Result<SecretBytes> {
    OPENPCC_TRY(shared, key.dh(enc));
    return SecretBytes::copy_of(shared.view());
  };
  Ignore ignore;
  OPENPCC_TRY(
      [[maybe_unused]] const auto reader,
      sealed::RequestReader::create(sealed.media_type(), candidate.encapsulated_key(), key.public_key(), dh, ignore));
  return Rehearsal({.media_type = std::string(sealed.media_type()),
                    .encapsulated_key = candidate.encapsulated_key(),
                    .rek_point = key.public_key(),
                    .credit_amount = kCredit},
                   sealed.body(), std::move(shared));
}

Status Rehearsal::run(const ChildOptions& options) const {
  OPENPCC_TRY(auto ends, process::socket_pair());
  const auto deadline = process::within(kLimit);
  OPENPCC_TRY_STATUS(process::send_message(ends.first.get(), encode(head_), deadline));
  OPENPCC_TRY_STATUS(process::send_message(ends.first.get(), body_, deadline));
  OPENPCC_TRY_STATUS(process::send_message(ends.first.get(), {}, deadline));
  ChildOptions ours = options;
  ours.badge_key.clear();
  ours.ask_broker = [this](int, ByteView) -> Result<SecretBytes> { return SecretBytes::copy_of(shared_.view()); };
  ours.min_flush_interval = {};  // no thread
  const int status = serve_one_request(ours, {std::move(ends.second), {}, {}});
  if (status != kExitAnswered) return fail(kBadControl, "a rehearsal ended with " + std::to_string(status));
  return {};
}

}  // namespace openpcc::worker
