// make_model VOCABULARY.gguf TEMPLATE.jinja OUT.gguf [LAYERS]: a model with the shapes of Llama 3 8B, Q4_0, and random
// weights; 4.5 GB. What it says is nonsense; what it costs to load, fork and compute is what the real one costs.
//
// The same bytes each time: numbers from a fixed seed, and of them a few megabytes only, again and again, since
// weights need not differ from each other for what is measured here.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ggml.h"
#include "gguf.h"

namespace {

constexpr int64_t kWidth = 4096;
constexpr int64_t kFeedForward = 14336;
constexpr uint32_t kHeads = 32;
constexpr uint32_t kKeyHeads = 8;
constexpr int64_t kKeyWidth = kWidth / kHeads * kKeyHeads;
constexpr size_t kBlock = 18;        // Q4_0: a scale of 16 bits, then 32 weights of 4 bits
constexpr size_t kBlocks = 200'003;  // of random ones, a prime: rows do not repeat

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "make_model: %s\n", what.c_str());
  std::exit(1);
}

uint64_t next_number(uint64_t& state) {  // SplitMix64: the same with every compiler and library
  state += 0x9E3779B97F4A7C15ULL;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

// Scaled so that the layers keep the size of what passes through: 4-bit numbers have a deviation of 4.6.
std::string blocks_for(int64_t columns) {
  const float scale = 1.0F / (4.6F * std::sqrt(static_cast<float>(columns)));
  const ggml_fp16_t half = ggml_fp32_to_fp16(scale);
  std::string blocks(kBlocks * kBlock, '\0');
  uint64_t state = 20240418;
  for (size_t i = 0; i < kBlocks; ++i) {
    char* block = blocks.data() + i * kBlock;
    std::memcpy(block, &half, sizeof half);
    const uint64_t numbers[2] = {next_number(state), next_number(state)};
    std::memcpy(block + sizeof half, numbers, sizeof numbers);
  }
  return blocks;
}

class Model {
 public:
  Model(const char* vocabulary_path, const std::string& chat_template, int layers) {
    const std::unique_ptr<gguf_context, void (*)(gguf_context*)> vocabulary(
        gguf_init_from_file(vocabulary_path, {/*no_alloc=*/true, /*ctx=*/nullptr}), gguf_free);
    if (!vocabulary) die(std::string("cannot read the vocabulary ") + vocabulary_path);
    const auto tokens = static_cast<int64_t>(
        gguf_get_arr_n(vocabulary.get(), gguf_find_key(vocabulary.get(), "tokenizer.ggml.tokens")));
    gguf_set_kv(file_.get(), vocabulary.get());
    gguf_set_val_str(file_.get(), "general.name", "openpcc-bench-8b");
    gguf_set_val_str(file_.get(), "tokenizer.chat_template", chat_template.c_str());
    gguf_set_val_bool(file_.get(), "tokenizer.ggml.add_bos_token", true);
    set("block_count", static_cast<uint32_t>(layers));
    set("context_length", 8192);
    set("embedding_length", kWidth);
    set("feed_forward_length", kFeedForward);
    set("attention.head_count", kHeads);
    set("attention.head_count_kv", kKeyHeads);
    set("rope.dimension_count", kWidth / kHeads);
    set("vocab_size", static_cast<uint32_t>(tokens));
    gguf_set_val_f32(file_.get(), "llama.rope.freq_base", 500000.0F);
    add("token_embd.weight", kWidth, tokens);
    add("output_norm.weight", kWidth, 0);
    add("output.weight", kWidth, tokens);
    for (int layer = 0; layer < layers; ++layer) add_layer("blk." + std::to_string(layer) + ".");
  }

  void write(const char* path) {
    if (!gguf_write_to_file(file_.get(), path, /*only_meta=*/true)) die(std::string("cannot write ") + path);
    const std::unique_ptr<FILE, int (*)(FILE*)> out(std::fopen(path, "ab"), std::fclose);
    if (!out) die(std::string("cannot write ") + path);
    for (ggml_tensor* tensor = ggml_get_first_tensor(memory_.get()); tensor != nullptr;
         tensor = ggml_get_next_tensor(memory_.get(), tensor)) {
      write_tensor(out.get(), *tensor);
    }
    if (std::fflush(out.get()) != 0) die(std::string("cannot write ") + path);
  }

 private:
  void set(const char* key, uint32_t value) {
    gguf_set_val_u32(file_.get(), (std::string("llama.") + key).c_str(), value);
  }
  void add(const std::string& name, int64_t columns, int64_t rows) {
    ggml_tensor* tensor = rows == 0 ? ggml_new_tensor_1d(memory_.get(), GGML_TYPE_F32, columns)
                                    : ggml_new_tensor_2d(memory_.get(), GGML_TYPE_Q4_0, columns, rows);
    ggml_set_name(tensor, name.c_str());
    gguf_add_tensor(file_.get(), tensor);
  }
  void add_layer(const std::string& block) {
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
  void write_tensor(FILE* out, const ggml_tensor& tensor) {
    const size_t size = ggml_nbytes(&tensor);
    if (tensor.type == GGML_TYPE_F32) {
      const std::vector<float> ones(size / sizeof(float), 1.0F);
      put(out, reinterpret_cast<const char*>(ones.data()), size);
    } else {
      std::string& blocks = blocks_[tensor.ne[0]];
      if (blocks.empty()) blocks = blocks_for(tensor.ne[0]);
      // Each tensor begins elsewhere in the random blocks.
      size_t at = next_number(offsets_) % kBlocks * kBlock;
      for (size_t done = 0; done < size;) {
        const size_t now = std::min(size - done, blocks.size() - at);
        put(out, blocks.data() + at, now);
        done += now;
        at = 0;
      }
    }
    const std::string padding(GGUF_DEFAULT_ALIGNMENT, '\0');
    put(out, padding.data(), GGML_PAD(size, GGUF_DEFAULT_ALIGNMENT) - size);
  }
  static void put(FILE* out, const char* bytes, size_t size) {
    if (std::fwrite(bytes, 1, size, out) != size) die("cannot write: is the disk full?");
  }

  std::unique_ptr<gguf_context, void (*)(gguf_context*)> file_{gguf_init_empty(), gguf_free};
  // Shapes alone: the weights are never in memory as a whole.
  std::unique_ptr<ggml_context, void (*)(ggml_context*)> memory_{
      ggml_init({ggml_tensor_overhead() * 1000, nullptr, /*no_alloc=*/true}), ggml_free};
  std::map<int64_t, std::string> blocks_;
  uint64_t offsets_ = 1;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fprintf(stderr, "usage: make_model VOCABULARY.gguf TEMPLATE.jinja OUT.gguf [LAYERS]\n");
    return 2;
  }
  std::ifstream stream(argv[2], std::ios::binary);
  const std::string chat_template{std::istreambuf_iterator<char>(stream), {}};
  if (chat_template.empty()) die(std::string("cannot read ") + argv[2]);
  const int layers = argc == 5 ? std::atoi(argv[4]) : 32;  // NOLINT(cert-err34-c): of our own script
  if (layers < 1 || layers > 64) die("LAYERS is 1 to 64");
  Model(argv[1], chat_template, layers).write(argv[3]);
  return 0;
}
