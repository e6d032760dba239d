#include "verify/verify.h"

#include "verify/verifier.h"

namespace openpcc::verify {

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return "passed";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kQuotedNotCompared:
      return "quoted_not_compared";
    case Outcome::kDevelopmentProvesNothing:
      return "development_proves_nothing";
    case Outcome::kNotReached:
      return "not_reached";
  }
  return "not_reached";
}

Verification Verifier::run() {
  struct Plan {
    const char* name;
    const char* title;
    Result<std::string> (Verifier::*check)();
    Outcome success = Outcome::kPassed;
  };
  std::vector<Plan> plan = {
      {"pieces", "evidence pieces", &Verifier::check_pieces},
      {"root", "root of trust", &Verifier::check_root},
      {"attestation_key", "attestation key", &Verifier::check_attestation_key},
      {"key_creation", "certificate of the encryption key's creation", &Verifier::check_key_creation},
      {"quote", "TPM quote", &Verifier::check_quote},
      {"pcr_values", "PCR values", &Verifier::check_pcr_values},
      {"encryption_key", "encryption key", &Verifier::check_encryption_key},
      {"key_policy", "encryption key usable only in the quoted state", &Verifier::check_key_policy},
  };
  if (!policy_.expected_pcrs.empty()) {
    plan.push_back({"pinned_pcrs", "pinned PCR values", &Verifier::check_pinned_pcrs});
  }
  if (policy_.expected_pcrs.size() < tpmwire::kOfficialPcrs.size()) {
    plan.push_back({"unpinned_pcrs", "other PCR values", &Verifier::list_unpinned_pcrs, Outcome::kQuotedNotCompared});
  }

  std::vector<Step> steps;
  steps.reserve(plan.size());
  for (const Plan& step : plan) steps.push_back({step.name, step.title, Outcome::kNotReached, {}});
  for (size_t i = 0; i < plan.size(); ++i) {
    auto seen = (this->*plan[i].check)();
    if (!seen) {
      steps[i].outcome = Outcome::kFailed;
      steps[i].detail = seen.error().message;
      return {std::move(steps), std::unexpected(std::move(seen).error())};
    }
    steps[i].outcome = plan[i].success;
    if (plan[i].check == &Verifier::check_root && development_) steps[i].outcome = Outcome::kDevelopmentProvesNothing;
    steps[i].detail = std::move(*seen);
  }

  VerifiedNode node;
  node.rek_point_ = std::move(rek_point_);
  node.pcr_values_ = {pcr_values_.begin(), pcr_values_.end()};
  node.development_ = development_;
  return {std::move(steps), std::move(node)};
}

Verification verify_evidence(const evidence::List& list, const Policy& policy) {
  return Verifier(list, policy).run();
}

}  // namespace openpcc::verify
