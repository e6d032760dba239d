// Costs of Binary HTTP: a request as clients send it, and a streamed answer.
#include <benchmark/benchmark.h>

#include "bhttp/decoder.h"
#include "bhttp/encoder.h"

namespace {

using namespace openpcc;
using namespace openpcc::bhttp;

const RequestHead& request() {
  static const RequestHead head{"POST",
                                "http",
                                "confsec.invalid",
                                "/v1/chat/completions",
                                {{"Content-Type", "application/json"}, {"X-Confsec-Badge", std::string(160, 'b')}}};
  return head;
}

struct Counter : Handler {
  size_t bytes = 0;
  Status on_request(RequestHead) override { return {}; }
  Status on_response(ResponseHead) override { return {}; }
  Status on_content(ByteView data) override {
    bytes += data.size();
    return {};
  }
};

// `piece`: how many bytes a chunk of the sealed message hands over at once.
size_t decode(ByteView bytes, size_t piece) {
  Counter counter;
  Decoder decoder(Kind::kAny, counter);
  while (!bytes.empty()) {
    const ByteView part = bytes.first(std::min(piece, bytes.size()));
    decoder.feed(part).value();
    bytes = bytes.subspan(part.size());
  }
  decoder.finish().value();
  return counter.bytes;
}

WipedBytes answer(size_t size) {
  const Bytes content(size, 'x');
  WipedBytes out;
  MessageWriter writer;
  writer.response({200, {{"content-type", "text/event-stream"}}}, out).value();
  writer.content(content, out).value();
  writer.finish({}, out).value();
  return out;
}

void BM_BhttpEncodeRequest(benchmark::State& state) {
  const Bytes content(static_cast<size_t>(state.range(0)), 'x');
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(encode_request(request(), content, 514));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_BhttpEncodeRequest)->Arg(2048)->Arg(1 << 20);

void BM_BhttpDecodeRequest(benchmark::State& state) {
  const Bytes content(static_cast<size_t>(state.range(0)), 'x');
  const WipedBytes bytes = encode_request(request(), content, 514).value();
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(decode(bytes, SIZE_MAX));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_BhttpDecodeRequest)->Arg(2048)->Arg(1 << 20);

void BM_BhttpEncodeAnswerInChunks(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(answer(static_cast<size_t>(state.range(0))));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_BhttpEncodeAnswerInChunks)->Arg(1 << 20);

void BM_BhttpDecodeAnswerInChunks(benchmark::State& state) {
  const WipedBytes bytes = answer(static_cast<size_t>(state.range(0)));
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(decode(bytes, 514));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_BhttpDecodeAnswerInChunks)->Arg(1 << 20);

// One token of an answer a message part: what streaming costs each time.
void BM_BhttpEncodeOneToken(benchmark::State& state) {
  WipedBytes out;
  MessageWriter writer;
  writer.response({200, {}}, out).value();
  const std::string event(180, 'e');
  for ([[maybe_unused]] auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(writer.content(as_bytes(event), out));
  }
}
BENCHMARK(BM_BhttpEncodeOneToken);

}  // namespace
