// llama_model.h - one loaded model and the source of tokens made from it. Internal to the embedded engine.
//
// The parent loads weights and context and starts no thread; the forked child draws tokens. Weights are read into
// memory (no file mapping), where libllama repacks them for the processor: they stand in memory once, shared
// copy-on-write.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/chat_prompt.h"
#include "engine/engine.h"
#include "engine/generation.h"
#include "engine/tool_format.h"
#include "llama.h"

struct ggml_threadpool;

namespace openpcc::engine {

class LlamaModel : public TokenSource {
 public:
  // In the parent. Leaves the process with as many threads as it had.
  [[nodiscard]] static Result<std::unique_ptr<LlamaModel>> load(const ModelFile& file, const EmbeddedConfig& config);
  ~LlamaModel() override;
  LlamaModel(const LlamaModel&) = delete;
  LlamaModel& operator=(const LlamaModel&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

  void limit_threads(const std::atomic<uint16_t>& most) { most_threads_ = &most; }

  // In the child. The first next() computes the prompt.
  [[nodiscard]] Accepted<uint64_t> begin(const Generation& generation) override;
  [[nodiscard]] uint64_t room() const override;
  [[nodiscard]] Result<std::optional<std::string_view>> next() override;
  [[nodiscard]] const TokenChances* chances() const override { return top_logprobs_ ? &chances_ : nullptr; }
  [[nodiscard]] AnswerParts parts_of(std::string_view text, bool whole) const override;

 private:
  struct Deleter {
    void operator()(llama_model* model) const { llama_model_free(model); }
    void operator()(llama_context* context) const { llama_free(context); }
    void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
    void operator()(ggml_threadpool* threads) const;
  };
  using ThreadPool = std::unique_ptr<ggml_threadpool, Deleter>;

  LlamaModel() = default;
  [[nodiscard]] Accepted<std::vector<int32_t>> prompt_of(const Generation& generation);
  [[nodiscard]] std::optional<Refusal> make_sampler(const Generation& generation, const std::vector<int32_t>& prompt);
  // Nothing where biases and schema leave no token at all: there the answer is over.
  [[nodiscard]] std::optional<int32_t> sample();
  [[nodiscard]] std::optional<int32_t> choose(bool within_grammar);
  [[nodiscard]] Result<std::string_view> piece_of(int32_t token);
  void compute_chances();
  [[nodiscard]] std::optional<Refusal> make_tool_grammar();
  void use_threads();
  [[nodiscard]] Status decode(int32_t* tokens, size_t count);

  std::string name_;
  std::unique_ptr<llama_model, Deleter> model_;
  std::unique_ptr<llama_context, Deleter> context_;
  std::unique_ptr<llama_sampler, Deleter> shape_;    // biases and penalties: may leave no token
  std::unique_ptr<llama_sampler, Deleter> choose_;   // chooses from what is left
  std::unique_ptr<llama_sampler, Deleter> grammar_;  // absent: anything goes
  std::vector<llama_token_data> candidates_;
  std::unique_ptr<ChatPrompt> chat_prompt_;  // absent: the model has no chat template
  std::unique_ptr<ToolFormat> tool_format_;
  std::optional<ToolPlan> tool_plan_;  // of the request, where it has to do with tools
  std::vector<int32_t> spelled_out_;   // control tokens that are text in such an answer
  const llama_vocab* vocab_ = nullptr;
  ThreadPool threads_;         // what libllama computes with; absent: the calling thread alone
  ThreadPool old_threads_;     // what it computed with, until it has taken the others
  uint32_t thread_count_ = 1;  // as configured
  uint32_t threads_now_ = 1;
  const std::atomic<uint16_t>* most_threads_ = nullptr;
  uint64_t context_tokens_ = 0;  // as configured; libllama rounds its own number up
  uint32_t batch_tokens_ = 512;
  size_t longest_token_ = 1;  // bytes
  std::vector<int32_t> prompt_;
  size_t position_ = 0;  // tokens in the context
  int32_t last_ = 0;     // the token that next() returned, not yet computed
  std::string piece_;
  std::optional<uint32_t> top_logprobs_;
  TokenChances chances_;
};

}  // namespace openpcc::engine
