// batched MODEL.gguf SEQUENCES MAX_TOKENS THREADS PROMPT: one process, one context, one batch that holds the next token
// of every sequence: what an ordinary server makes of concurrent requests, which share its memory. Prints one JSON
// object. Greedy, and never ends early. The baseline for the node, whose requests have a process each.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chat.h"
#include "llama.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBatch = 512;
constexpr int kContext = 2048;  // of each sequence

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "batched: %s\n", what);
  std::exit(1);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<llama_token> prompt_tokens(llama_model* model, const char* text) {
  const common_chat_templates_ptr templates = common_chat_templates_init(model, "");
  common_chat_templates_inputs inputs;
  common_chat_msg message;
  message.role = "user";
  message.content = text;
  inputs.messages.push_back(message);
  const std::string prompt = common_chat_templates_apply(templates.get(), inputs).prompt;
  std::vector<llama_token> tokens(prompt.size() + 8);
  const int count = llama_tokenize(llama_model_get_vocab(model), prompt.data(), static_cast<int32_t>(prompt.size()),
                                   tokens.data(), static_cast<int32_t>(tokens.size()), true, true);
  if (count <= 0) give_up("the prompt has no tokens");
  tokens.resize(static_cast<size_t>(count));
  return tokens;
}

class Batch {
 public:
  void add(llama_token token, llama_pos position, llama_seq_id sequence, bool wanted) {
    const int at = batch_.n_tokens++;
    batch_.token[at] = token;
    batch_.pos[at] = position;
    batch_.n_seq_id[at] = 1;
    batch_.seq_id[at][0] = sequence;
    batch_.logits[at] = wanted ? 1 : 0;
  }
  [[nodiscard]] bool full() const { return batch_.n_tokens == kBatch; }
  [[nodiscard]] int last() const { return batch_.n_tokens - 1; }
  void decode(llama_context* context) {
    if (batch_.n_tokens > 0 && llama_decode(context, batch_) != 0) give_up("libllama cannot decode");
    batch_.n_tokens = 0;
  }

 private:
  llama_batch batch_ = llama_batch_init(kBatch, 0, 1);  // as long as the process
};

llama_token best(llama_context* context, int at, int vocabulary) {
  const float* logits = llama_get_logits_ith(context, at);
  return static_cast<llama_token>(std::max_element(logits, logits + vocabulary) - logits);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) give_up("usage: batched MODEL.gguf SEQUENCES MAX_TOKENS THREADS PROMPT");
  const int sequences = std::max(std::atoi(argv[2]), 1);   // NOLINT(cert-err34-c): of our own script
  const int max_tokens = std::max(std::atoi(argv[3]), 2);  // NOLINT(cert-err34-c)
  const int threads = std::max(std::atoi(argv[4]), 1);     // NOLINT(cert-err34-c)
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  llama_model_params model_params = llama_model_default_params();
  model_params.load_mode = LLAMA_LOAD_MODE_NONE;
  llama_model* model = llama_model_load_from_file(argv[1], model_params);
  if (model == nullptr) give_up("cannot load the model");
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(kContext * sequences);
  params.n_seq_max = static_cast<uint32_t>(sequences);
  params.n_batch = params.n_ubatch = kBatch;
  params.n_threads = params.n_threads_batch = threads;
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) give_up("cannot make a context");
  const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
  const auto prompt = prompt_tokens(model, argv[5]);

  Batch batch;
  std::vector<llama_token> next(static_cast<size_t>(sequences));
  const auto start = Clock::now();
  double first = 0;
  for (int sequence = 0; sequence < sequences; ++sequence) {  // one prompt after the other, as they come
    for (size_t i = 0; i < prompt.size(); ++i) {
      if (batch.full()) batch.decode(context);
      batch.add(prompt[i], static_cast<llama_pos>(i), sequence, i + 1 == prompt.size());
    }
    const int at = batch.last();
    batch.decode(context);
    next[static_cast<size_t>(sequence)] = best(context, at, vocabulary);
    if (sequence == 0) first = seconds_since(start);
  }
  const double prompts = seconds_since(start);
  for (int i = 1; i < max_tokens; ++i) {
    const auto position = static_cast<llama_pos>(prompt.size()) + i - 1;
    for (int s = 0; s < sequences; ++s) batch.add(next[static_cast<size_t>(s)], position, s, true);
    batch.decode(context);
    for (int s = 0; s < sequences; ++s) next[static_cast<size_t>(s)] = best(context, s, vocabulary);
  }
  const double whole = seconds_since(start);
  const nlohmann::json result = {{"prompt_tokens", prompt.size()},
                                 {"tokens", sequences * max_tokens},
                                 {"seconds", whole},
                                 {"first_token_ms", first * 1e3},
                                 {"total_per_second", sequences * max_tokens / whole},
                                 {"tokens_per_second", sequences * (max_tokens - 1) / (whole - prompts)}};
  std::puts(result.dump().c_str());
  return 0;
}
