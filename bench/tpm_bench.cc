// What the TPM itself takes: one ECDH_ZGen in its policy session, on a software TPM.
#include <benchmark/benchmark.h>

#include "crypto/key_pair.h"
#include "tpm/swtpm_for_testing.h"
#include "tpm/tpm.h"
#include "tpmwire/pcr.h"

namespace {

using namespace openpcc;

// Argument: whether its policy session was made before, while nobody waited.
void BM_TpmEcdhZGen(benchmark::State& state) {
  constexpr tpm::Tpm::RekHandles kHandles = {0x81000001, 0x81000002, 0x01c0000a, 0x01c0000b};
  const bool prepared = state.range(0) != 0;
  auto swtpm = tpm::SwtpmForTesting::start().value();
  auto device = tpm::Tpm::open(swtpm.connection()).value();
  device.startup().value();
  device.create_storage_primary(kHandles.primary).value();
  const auto policy = device.read_pcrs(tpmwire::kOfficialPcrs).value();
  device.create_rek(kHandles, policy).value();
  const auto ephemeral = crypto::KeyPair::generate(crypto::Kem::kP256HkdfSha256, system_random).value();
  for ([[maybe_unused]] auto _ : state) {
    if (prepared) device.prepare_zgen(policy).value();
    const auto start = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(device.ecdh_zgen(kHandles.rek, policy, ephemeral.public_key()).value());
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
}
BENCHMARK(BM_TpmEcdhZGen)->ArgName("prepared")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseManualTime();

}  // namespace
