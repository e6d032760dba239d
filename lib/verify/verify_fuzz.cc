// No list that is not byte for byte an honest one is accepted, and none crashes the verifier. The corpus holds honest
// development lists: the replay cuts and flips them.
#include <cstdlib>

#include "verify/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace openpcc;
  const auto list = evidence::decode({data, size});
  if (!list) return 0;
  verify::Policy policy;
  if (verify::verify_evidence(*list, policy).node) std::abort();  // nothing passes without a root of trust
#if OPENPCC_DEV_ATTESTATION
  policy.insecure_development_secret = SecretBytes::copy_of(as_bytes("123456"));
  const auto verification = verify::verify_evidence(*list, policy);
  if (verification.node) {
    if (verification.node->rek_point().size() != 65 || verification.node->pcr_values().size() != 9) std::abort();
    for (const auto& step : verification.steps) {
      if (step.outcome == verify::Outcome::kFailed || step.outcome == verify::Outcome::kNotReached) std::abort();
    }
  }
#endif
  return 0;
}
