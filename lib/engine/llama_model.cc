#include "engine/llama_model.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "engine/threads.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"

namespace openpcc::engine {
namespace {

constexpr size_t kMaxTemplateBytes = 1 << 20;

// ggml's CPU backend is one of several compiled ones (cmake/llama/dispatch.c), so its functions are found by name.
template <typename Function>
Function* cpu_function(const char* name) {
  ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  ggml_backend_reg_t registry = device == nullptr ? nullptr : ggml_backend_dev_backend_reg(device);
  return registry == nullptr ? nullptr : reinterpret_cast<Function*>(ggml_backend_reg_get_proc_address(registry, name));
}

Result<std::string> template_of(const ModelFile& file, const llama_model* model) {
  if (!file.chat_template_path.empty()) {
    std::ifstream stream(file.chat_template_path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (!stream || text.empty() || text.size() > kMaxTemplateBytes) {
      return fail(kBadConfig, "cannot read the chat template " + file.chat_template_path);
    }
    return text;
  }
  const char* text = llama_model_chat_template(model, nullptr);
  return std::string(text == nullptr ? "" : text);
}

}  // namespace

Result<std::unique_ptr<LlamaModel>> LlamaModel::load(const ModelFile& file, const EmbeddedConfig& config) {
  std::unique_ptr<LlamaModel> loaded(new LlamaModel);
  loaded->name_ = file.name;
  const uint32_t context_tokens = file.context_tokens.value_or(config.context_tokens);
  loaded->thread_count_ = threads_of(file, config);

  llama_model_params model_params = llama_model_default_params();
  model_params.n_gpu_layers = 0;
  model_params.load_mode = LLAMA_LOAD_MODE_NONE;
  model_params.use_extra_bufts = true;  // repacked for the processor: 1.6 times the rate
  model_params.check_tensors = true;    // a damaged file is an error here, not nonsense later
  loaded->model_.reset(llama_model_load_from_file(file.path.c_str(), model_params));
  if (!loaded->model_) {
    return fail(kBadModel,
                "cannot load the model " + file.path + ": not there, no GGUF, or of an architecture this build lacks");
  }
  loaded->vocab_ = llama_model_get_vocab(loaded->model_.get());
  if (llama_vocab_type(loaded->vocab_) == LLAMA_VOCAB_TYPE_NONE || llama_model_has_encoder(loaded->model_.get())) {
    return fail(kBadModel, "the model " + file.path + " is no decoder of text");
  }
  for (llama_token id = 0; id < llama_vocab_n_tokens(loaded->vocab_); ++id) {
    loaded->longest_token_ =
        std::max(loaded->longest_token_, std::string_view(llama_vocab_get_text(loaded->vocab_, id)).size());
  }

  const auto trained = static_cast<uint32_t>(std::max(llama_model_n_ctx_train(loaded->model_.get()), 0));
  llama_context_params params = llama_context_default_params();
  params.n_ctx = trained == 0 ? context_tokens : std::min(context_tokens, trained);
  loaded->context_tokens_ = params.n_ctx;
  params.n_batch = std::min(config.batch_tokens, params.n_ctx);
  params.n_ubatch = params.n_batch;
  params.n_seq_max = 1;
  params.n_threads = 1;  // until the child starts its own
  params.n_threads_batch = 1;
  params.no_perf = true;
  loaded->context_.reset(llama_init_from_model(loaded->model_.get(), params));
  if (!loaded->context_) {
    return fail(kBadModel, "cannot make a context of " + std::to_string(params.n_ctx) + " tokens for " + file.path);
  }
  loaded->batch_tokens_ = llama_n_batch(loaded->context_.get());

  OPENPCC_TRY(const std::string chat_template, template_of(file, loaded->model_.get()));
  if (!chat_template.empty()) {
    OPENPCC_TRY(loaded->chat_prompt_, ChatPrompt::create(loaded->vocab_, chat_template));
    loaded->tool_format_ = ToolFormat::create(loaded->model_.get(), chat_template);
  }
  return loaded;
}

void LlamaModel::Deleter::operator()(ggml_threadpool* threads) const {
  if (auto* free_pool = cpu_function<decltype(ggml_threadpool_free)>("ggml_threadpool_free")) {
    free_pool(threads);
  }
}

LlamaModel::~LlamaModel() {
  if (context_) {
    llama_detach_threadpool(context_.get());
  }
}

// Threads do not survive a fork, so each child starts its own. Those of a pool that are not needed would wait for work
// by spinning: another number takes another pool. libllama speaks to the old one once more, to have it pause.
void LlamaModel::use_threads() {
  const uint32_t most = most_threads_ == nullptr ? thread_count_ : most_threads_->load(std::memory_order_relaxed);
  const uint32_t wanted = std::clamp(most, 1U, thread_count_);
  old_threads_.reset();
  if (wanted == threads_now_) {
    return;
  }
  old_threads_ = std::move(threads_);
  llama_detach_threadpool(context_.get());
  llama_set_n_threads(context_.get(), static_cast<int32_t>(wanted), static_cast<int32_t>(wanted));
  auto* new_pool = cpu_function<decltype(ggml_threadpool_new)>("ggml_threadpool_new");
  if (wanted > 1 && new_pool != nullptr) {
    ggml_threadpool_params params = ggml_threadpool_params_default(static_cast<int>(wanted));
    threads_.reset(new_pool(&params));
    llama_attach_threadpool(context_.get(), threads_.get(), nullptr);
  }
  threads_now_ = wanted;
}

Accepted<std::vector<int32_t>> LlamaModel::prompt_of(const Generation& generation) {
  const uint64_t context = context_tokens_;
  size_t bytes = generation.text.size();
  for (const Message& message : generation.messages) {
    bytes += message.content.size();
  }
  tool_plan_.reset();
  // What cannot fit whatever its tokens are need not be tokenised.
  const uint64_t fewest = bytes / longest_token_;
  if (fewest >= context) {
    return std::unexpected(Refusal{400,
                                   "the prompt has at least " + std::to_string(fewest) +
                                       " tokens, the context of this model holds " + std::to_string(context),
                                   "messages", "context_length_exceeded"});
  }
  if (!generation.chat) {
    return tokenize_text(vocab_, generation.text);
  }
  if (!chat_prompt_) {
    return std::unexpected(Refusal{400, "this model has no chat template: use /v1/completions", "messages"});
  }
  const std::time_t now = std::time(nullptr);
  if (!has_tools(generation)) {
    return chat_prompt_->tokens(generation.messages, now);
  }
  if (!tool_format_) {
    return std::unexpected(Refusal{400, "'tools' are not supported by this model", "tools", "unsupported_parameter"});
  }
  Accepted<ToolPlan> plan = tool_format_->plan(generation, now);
  if (!plan) {
    return std::unexpected(std::move(plan).error());
  }
  tool_plan_ = std::move(*plan);
  const auto as_common =
      chat_prompt_->tokens(generation.messages, now, tools_as_enforced(generation.tools), &tool_plan_->params.prompt);
  const auto differs = [](const Tool& tool) { return !tool.enforced.empty(); };
  if (!as_common || std::none_of(generation.tools.begin(), generation.tools.end(), differs)) {
    return as_common;
  }
  return chat_prompt_->tokens(generation.messages, now, generation.tools);
}

Accepted<uint64_t> LlamaModel::begin(const Generation& generation) {
  Accepted<std::vector<int32_t>> prompt = prompt_of(generation);
  if (!prompt) {
    return std::unexpected(std::move(prompt).error());
  }
  const uint64_t context = context_tokens_;
  if (prompt->empty()) {
    return std::unexpected(Refusal{400, "the prompt is empty"});
  }
  if (prompt->size() >= context) {
    return std::unexpected(Refusal{400,
                                   "the prompt has " + std::to_string(prompt->size()) +
                                       " tokens, the context of this model holds " + std::to_string(context) +
                                       " for prompt and answer together",
                                   generation.chat ? "messages" : "prompt", "context_length_exceeded"});
  }
  if (auto refused = make_sampler(generation, *prompt)) {
    return std::unexpected(std::move(*refused));
  }
  prompt_ = std::move(*prompt);
  position_ = 0;
  top_logprobs_ = generation.top_logprobs;
  llama_memory_clear(llama_get_memory(context_.get()), false);
  return prompt_.size();
}

AnswerParts LlamaModel::parts_of(std::string_view text, bool whole) const {
  return tool_plan_ ? read_answer(*tool_plan_, text, whole) : AnswerParts{std::string(text), {}};
}

uint64_t LlamaModel::room() const {
  return context_tokens_ - prompt_.size();
}

Status LlamaModel::decode(int32_t* tokens, size_t count) {
  for (size_t done = 0; done < count;) {
    const size_t now = std::min<size_t>(count - done, batch_tokens_);
    use_threads();
    if (llama_decode(context_.get(), llama_batch_get_one(tokens + done, static_cast<int32_t>(now))) != 0) {
      return fail(kBroken, "libllama could not compute the next tokens");
    }
    done += now;
    position_ += now;
  }
  return {};
}

Result<std::optional<std::string_view>> LlamaModel::next() {
  try {
    if (position_ == 0) {
      OPENPCC_TRY_STATUS(decode(prompt_.data(), prompt_.size()));
    } else {
      OPENPCC_TRY_STATUS(decode(&last_, 1));
    }
    const std::optional<int32_t> sampled = sample();
    if (!sampled || llama_vocab_is_eog(vocab_, *sampled)) {
      return std::nullopt;
    }
    last_ = *sampled;
    OPENPCC_TRY(const std::string_view piece, piece_of(last_));
    if (top_logprobs_) {
      compute_chances();
    }
    return piece;
  } catch (const std::exception&) {
    return fail(kBroken, "libllama failed while it computed the next token");
  }
}

Result<std::string_view> LlamaModel::piece_of(int32_t token) {
  piece_.resize(longest_token_ + 8);
  // Control tokens have no text of their own in an answer, but for those that a tool call is written with.
  const bool special = std::find(spelled_out_.begin(), spelled_out_.end(), token) != spelled_out_.end();
  const int32_t size =
      llama_token_to_piece(vocab_, token, piece_.data(), static_cast<int32_t>(piece_.size()), 0, special);
  if (size < 0) {
    return fail(kBroken, "libllama gave a token that is longer than its vocabulary says");
  }
  piece_.resize(static_cast<size_t>(size));
  return piece_;
}

}  // namespace openpcc::engine
