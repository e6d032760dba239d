#include "openpcc/client.h"

#include "engine.h"

namespace openpcc {

bool development_attestation_compiled_in() {
#if OPENPCC_DEV_ATTESTATION
  return true;
#else
  return false;
#endif
}

std::string_view sdk_version() {
  return OPENPCC_VERSION;
}

std::string_view step_outcome_name(StepOutcome outcome) {
  switch (outcome) {
    case StepOutcome::kPassed:
      return "passed";
    case StepOutcome::kFailed:
      return "failed";
    case StepOutcome::kQuotedNotCompared:
      return "quoted_not_compared";
    case StepOutcome::kDevelopmentProvesNothing:
      return "development_proves_nothing";
    case StepOutcome::kNotReached:
      return "not_reached";
  }
  return "not_reached";
}

void ResponseEvents::on_nodes(const std::vector<NodeReport>& /*nodes*/, std::chrono::nanoseconds /*verification*/) {}
void ResponseEvents::on_sealed(const SealedInfo& /*info*/) {}
bool ResponseEvents::on_head(const ResponseHead& /*head*/) {
  return true;
}
bool ResponseEvents::on_body(std::string_view /*bytes*/) {
  return true;
}

CancelToken::CancelToken() : state_(std::make_shared<State>()) {}
void CancelToken::cancel() const {
  state_->cancellation.cancel();
}
bool CancelToken::cancelled() const {
  return state_->cancellation.cancelled();
}

Client::Client(std::shared_ptr<sdk::Engine> engine) : engine_(std::move(engine)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

ClientResult<Client> Client::create(ClientOptions options) {
  return create_for_testing(std::move(options), {});
}

ClientResult<Client> Client::create_for_testing(ClientOptions options, sdk::Dependencies dependencies) {
  auto engine = sdk::Engine::create(std::move(options), std::move(dependencies));
  if (!engine) return std::unexpected(std::move(engine).error());
  return Client(std::move(*engine));
}

ClientResult<Summary> Client::send(const Request& request, ResponseEvents& events, const CancelToken& cancel) const {
  return engine_->send(request, events, cancel);
}
ClientResult<std::vector<NodeReport>> Client::nodes(int limit, const CancelToken& cancel) const {
  return engine_->nodes(limit, cancel);
}
ClientResult<std::chrono::nanoseconds> Client::ping(const CancelToken& cancel) const {
  return engine_->ping(cancel);
}

}  // namespace openpcc
