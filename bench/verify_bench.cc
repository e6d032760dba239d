// What a client spends on the evidence of one node: two RSA-2048 signatures, parsing, digests, one point check.
#include <benchmark/benchmark.h>

#include "verify/software_tpm_for_testing.h"
#include "verify/verify.h"

namespace openpcc::verify {
namespace {

Policy development_policy() {
  Policy policy;
#if OPENPCC_DEV_ATTESTATION
  policy.insecure_development_secret = SecretBytes::copy_of(as_bytes(kDevelopmentSecretForTesting));
#endif
  return policy;
}

void BM_VerifyDevelopmentEvidence(benchmark::State& state) {
  const Bytes encoded = evidence::encode(SoftwareTpmForTesting::instance().make_evidence());
  const Policy policy = development_policy();
  for ([[maybe_unused]] auto _ : state) {
    const auto list = evidence::decode(encoded);
    const auto verification = verify_evidence(*list, policy);
    if (!verification.node) {
      state.SkipWithError("the evidence was refused");
      break;
    }
    benchmark::DoNotOptimize(verification.node->rek_point().data());
  }
}
BENCHMARK(BM_VerifyDevelopmentEvidence)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace openpcc::verify
