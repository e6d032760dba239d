// Costs of sealing and opening, and of the HPKE beneath. Times are CPU times of one thread.
#include <benchmark/benchmark.h>

#include "sealed/test_support.h"

namespace {

using namespace openpcc;
using namespace openpcc::sealed;

constexpr size_t kRequestSize = 2048;

const crypto::KeyPair& rek(size_t which) {
  static const crypto::KeyPair keys[] = {p256_pair_for_testing(0x11), p256_pair_for_testing(0x12),
                                         p256_pair_for_testing(0x13)};
  return keys[which];
}

struct Sent {
  Bytes body;
  std::vector<Candidate> candidates;
};

Sent send(Mode mode, size_t candidates, const Bytes& plaintext) {
  RequestSealer sealer = RequestSealer::create(mode).value();
  Sent out;
  sealer.write(plaintext, out.body).value();
  sealer.finish(out.body).value();
  for (size_t i = 0; i < candidates; ++i) out.candidates.push_back(sealer.encapsulate(rek(i).public_key()).value());
  return out;
}

RequestOpener receive(const Candidate& candidate) {
  return opener_for_testing(Mode::kWhole, candidate, rek(0));
}

void BM_SealRequest2KiB(benchmark::State& state) {
  const Bytes plaintext(kRequestSize, 'x');
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(send(Mode::kWhole, static_cast<size_t>(state.range(0)), plaintext));
}
BENCHMARK(BM_SealRequest2KiB)->ArgName("candidates")->Arg(1)->Arg(3)->Unit(benchmark::kMicrosecond);

// The node's half, with a key in software: a TPM's time comes on top of it.
void BM_OpenRequest2KiB(benchmark::State& state) {
  const Sent sent = send(Mode::kWhole, 1, Bytes(kRequestSize, 'x'));
  for ([[maybe_unused]] auto _ : state) {
    RequestOpener opener = receive(sent.candidates[0]);
    WipedBytes out;
    opener.feed(sent.body, out).value();
    opener.finish(out).value();
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(BM_OpenRequest2KiB)->Unit(benchmark::kMicrosecond);

void BM_SealAndOpenRequest2KiB(benchmark::State& state) {
  const Bytes plaintext(kRequestSize, 'x');
  for ([[maybe_unused]] auto _ : state) {
    const Sent sent = send(Mode::kWhole, static_cast<size_t>(state.range(0)), plaintext);
    RequestOpener opener = receive(sent.candidates[0]);
    WipedBytes out;
    opener.feed(sent.body, out).value();
    opener.finish(out).value();
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(BM_SealAndOpenRequest2KiB)->ArgName("candidates")->Arg(1)->Arg(3)->Unit(benchmark::kMicrosecond);

// Frames of 512 bytes, as a stream that is written as it is made.
void BM_SealResponseChunks512(benchmark::State& state) {
  const Sent sent = send(Mode::kWhole, 1, {});
  ResponseSealer sealer = receive(sent.candidates[0]).response_sealer(Mode::kChunked).value();
  const Bytes chunk(limits::kUserChunk, 'x');
  Bytes out;
  for ([[maybe_unused]] auto _ : state) {
    out.clear();
    sealer.write(chunk, out).value();
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(chunk.size()));
}
BENCHMARK(BM_SealResponseChunks512);

// 1 MiB in frames of 512 bytes, fed in pieces as they come from a socket.
void BM_OpenResponseChunks512(benchmark::State& state) {
  const Sent sent = send(Mode::kWhole, 1, {});
  ResponseSealer sealer = receive(sent.candidates[0]).response_sealer(Mode::kChunked).value();
  const Bytes chunk(limits::kUserChunk, 'x');
  Bytes sealed;
  for (size_t i = 0; i < 2048; ++i) sealer.write(chunk, sealed).value();
  sealer.finish(sealed).value();
  constexpr size_t kPiece = 16384;
  for ([[maybe_unused]] auto _ : state) {
    ResponseOpener opener = sent.candidates[0].response_opener(kChunkedResponseMediaType).value();
    WipedBytes out;
    for (size_t at = 0; at < sealed.size(); at += kPiece) {
      out.clear();
      opener.feed(ByteView(sealed).subspan(at, std::min(kPiece, sealed.size() - at)), out).value();
    }
    opener.finish(out).value();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(2048 * chunk.size()));
}
BENCHMARK(BM_OpenResponseChunks512)->Unit(benchmark::kMicrosecond);

// What the AEAD alone costs at this size: the measure for the two above.
void BM_Aes128GcmSeal512(benchmark::State& state) {
  auto sealer = crypto::AeadSealer::create(crypto::Aead::kAes128Gcm, Bytes(16, 1)).value();
  const Bytes nonce(12, 1);
  const Bytes chunk(limits::kUserChunk, 'x');
  Bytes out;
  for ([[maybe_unused]] auto _ : state) {
    out.clear();
    sealer.seal(nonce, {}, chunk, out).value();
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(chunk.size()));
}
BENCHMARK(BM_Aes128GcmSeal512);

crypto::Suite suite(benchmark::State& state) {
  return {state.range(0) == 0 ? crypto::Kem::kP256HkdfSha256 : crypto::Kem::kX25519HkdfSha256, crypto::Kdf::kHkdfSha256,
          crypto::Aead::kAes128Gcm};
}

void BM_HpkeSetupSender(benchmark::State& state) {
  const auto pair = crypto::KeyPair::generate(suite(state).kem).value();
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(crypto::setup_sender(suite(state), pair.public_key(), as_bytes("info")).value());
  }
}
BENCHMARK(BM_HpkeSetupSender)->ArgName("x25519")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void BM_HpkeSetupRecipient(benchmark::State& state) {
  const auto pair = crypto::KeyPair::generate(suite(state).kem).value();
  const auto sender = crypto::setup_sender(suite(state), pair.public_key(), as_bytes("info")).value();
  const auto dh = pair.diffie_hellman();
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(
        crypto::setup_recipient(suite(state), sender.enc(), pair.public_key(), dh, as_bytes("info")).value());
  }
}
BENCHMARK(BM_HpkeSetupRecipient)->ArgName("x25519")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void BM_KeyPairGenerate(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(crypto::KeyPair::generate(suite(state).kem).value());
}
BENCHMARK(BM_KeyPairGenerate)->ArgName("x25519")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void BM_DiffieHellman(benchmark::State& state) {
  const auto pair = crypto::KeyPair::generate(suite(state).kem).value();
  const auto peer = crypto::KeyPair::generate(suite(state).kem).value();
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(pair.dh(peer.public_key()).value());
}
BENCHMARK(BM_DiffieHellman)->ArgName("x25519")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void BM_ExporterHkdf(benchmark::State& state) {
  const auto sender = crypto::setup_sender(crypto::kOpenpccSuite, rek(0).public_key(), {}).value();
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(sender.export_secret(as_bytes("context"), 16).value());
}
BENCHMARK(BM_ExporterHkdf);

}  // namespace
