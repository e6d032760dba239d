#include "engine/testing/tiny_model.h"

#include <cmath>
#include <memory>
#include <stdexcept>

#include "ggml.h"
#include "gguf.h"

namespace openpcc::engine {
namespace {

constexpr int64_t kWidth = 64;
constexpr int64_t kHeads = 4;
constexpr int64_t kKeyHeads = 2;
constexpr int64_t kFeedForward = 128;
constexpr int kLayers = 2;

// SplitMix64: the same numbers with every compiler and library.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed) {}
  float uniform() {  // in [-1, 1)
    state_ += 0x9E3779B97F4A7C15ULL;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    z ^= z >> 31;
    return static_cast<float>(static_cast<double>(z >> 11) / 4503599627370496.0 - 1.0);
  }

 private:
  uint64_t state_;
};

}  // namespace

void write_tiny_model(const std::string& vocabulary_path, const std::string& chat_template, uint64_t seed,
                      const std::string& out_path) {
  const std::unique_ptr<gguf_context, void (*)(gguf_context*)> vocabulary(
      gguf_init_from_file(vocabulary_path.c_str(), {/*no_alloc=*/true, /*ctx=*/nullptr}), gguf_free);
  if (!vocabulary) {
    throw std::runtime_error("cannot read the vocabulary " + vocabulary_path);
  }
  const int64_t tokens_key = gguf_find_key(vocabulary.get(), "tokenizer.ggml.tokens");
  const auto tokens = static_cast<int64_t>(gguf_get_arr_n(vocabulary.get(), tokens_key));

  const std::unique_ptr<gguf_context, void (*)(gguf_context*)> out(gguf_init_empty(), gguf_free);
  gguf_set_kv(out.get(), vocabulary.get());
  gguf_set_val_str(out.get(), "general.name", "openpcc-tiny");
  gguf_set_val_str(out.get(), "tokenizer.chat_template", chat_template.c_str());
  gguf_set_val_bool(out.get(), "tokenizer.ggml.add_bos_token", true);
  gguf_set_val_u32(out.get(), "llama.block_count", kLayers);
  gguf_set_val_u32(out.get(), "llama.context_length", 2048);
  gguf_set_val_u32(out.get(), "llama.embedding_length", kWidth);
  gguf_set_val_u32(out.get(), "llama.feed_forward_length", kFeedForward);
  gguf_set_val_u32(out.get(), "llama.attention.head_count", kHeads);
  gguf_set_val_u32(out.get(), "llama.attention.head_count_kv", kKeyHeads);
  gguf_set_val_u32(out.get(), "llama.rope.dimension_count", kWidth / kHeads);
  gguf_set_val_u32(out.get(), "llama.vocab_size", static_cast<uint32_t>(tokens));

  const size_t bytes = static_cast<size_t>(2 * tokens * kWidth + 1'000'000) * sizeof(float);
  const std::unique_ptr<ggml_context, void (*)(ggml_context*)> memory(ggml_init({bytes, nullptr, false}), ggml_free);
  Numbers numbers(seed);
  const auto add = [&](const std::string& name, int64_t columns, int64_t rows) {
    ggml_tensor* tensor = rows == 0 ? ggml_new_tensor_1d(memory.get(), GGML_TYPE_F32, columns)
                                    : ggml_new_tensor_2d(memory.get(), GGML_TYPE_F32, columns, rows);
    ggml_set_name(tensor, name.c_str());
    auto* values = static_cast<float*>(tensor->data);
    // Norms around one; matrices scaled so that the layers keep the size of what passes through.
    const float scale = rows == 0 ? 0.1F : std::sqrt(3.0F / static_cast<float>(columns));
    for (int64_t i = 0; i < ggml_nelements(tensor); ++i) {
      values[i] = (rows == 0 ? 1.0F : 0.0F) + scale * numbers.uniform();
    }
    gguf_add_tensor(out.get(), tensor);
  };
  constexpr int64_t kKeyWidth = kWidth / kHeads * kKeyHeads;
  add("token_embd.weight", kWidth, tokens);
  add("output_norm.weight", kWidth, 0);
  add("output.weight", kWidth, tokens);
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    add(block + "attn_norm.weight", kWidth, 0);
    add(block + "attn_q.weight", kWidth, kWidth);
    add(block + "attn_k.weight", kWidth, kKeyWidth);
    add(block + "attn_v.weight", kWidth, kKeyWidth);
    add(block + "attn_output.weight", kWidth, kWidth);
    add(block + "ffn_norm.weight", kWidth, 0);
    add(block + "ffn_gate.weight", kWidth, kFeedForward);
    add(block + "ffn_up.weight", kWidth, kFeedForward);
    add(block + "ffn_down.weight", kFeedForward, kWidth);
  }
  if (!gguf_write_to_file(out.get(), out_path.c_str(), /*only_meta=*/false)) {
    throw std::runtime_error("cannot write " + out_path);
  }
}

}  // namespace openpcc::engine
