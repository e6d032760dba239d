#include "engine/testing/bare.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>

#include "chat.h"
#include "llama.h"

namespace openpcc::engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

using Model = std::unique_ptr<llama_model, void (*)(llama_model*)>;

Model load(const std::string& path, bool vocabulary_only) {
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  llama_model_params params = llama_model_default_params();
  params.load_mode = LLAMA_LOAD_MODE_NONE;
  params.vocab_only = vocabulary_only;
  Model model(llama_model_load_from_file(path.c_str(), params), llama_model_free);
  if (!model) {
    throw std::runtime_error("the bare library cannot load " + path);
  }
  return model;
}

}  // namespace

std::vector<int32_t> tokens_of_bare_library(const std::string& model_path, const std::string& text) {
  const Model model = load(model_path, true);
  std::vector<int32_t> tokens(text.size() + 8);
  const int32_t count =
      llama_tokenize(llama_model_get_vocab(model.get()), text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                     static_cast<int32_t>(tokens.size()), false, false);
  tokens.resize(static_cast<size_t>(std::max(count, 0)));
  return tokens;
}

BareAnswer ask_bare_library(const std::string& model_path,
                            const std::vector<std::pair<std::string, std::string>>& messages, int max_tokens,
                            int threads) {
  const Model model = load(model_path, false);
  const llama_vocab* vocab = llama_model_get_vocab(model.get());
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 2048;
  params.n_batch = 512;
  params.n_ubatch = 512;
  params.n_threads = threads;
  params.n_threads_batch = threads;
  const std::unique_ptr<llama_context, void (*)(llama_context*)> context(llama_init_from_model(model.get(), params),
                                                                         llama_free);
  if (!context) {
    throw std::runtime_error("the bare library cannot make a context");
  }

  const common_chat_templates_ptr templates = common_chat_templates_init(model.get(), "");
  common_chat_templates_inputs inputs;
  for (const auto& [role, content] : messages) {
    common_chat_msg message;
    message.role = role;
    message.content = content;
    inputs.messages.push_back(message);
  }
  const std::string prompt = common_chat_templates_apply(templates.get(), inputs).prompt;
  BareAnswer answer;
  answer.prompt.resize(prompt.size() + 8);
  // As llama.cpp's server does: the library adds its begin token, the template's own was taken off by `apply`.
  const int32_t count = llama_tokenize(vocab, prompt.data(), static_cast<int32_t>(prompt.size()), answer.prompt.data(),
                                       static_cast<int32_t>(answer.prompt.size()), true, true);
  answer.prompt.resize(static_cast<size_t>(std::max(count, 0)));

  const Clock::time_point start = Clock::now();
  Clock::time_point first = start;
  std::vector<int32_t> batch = answer.prompt;
  int after_first = 0;
  for (int i = 0; i < max_tokens; ++i) {
    for (size_t done = 0; done < batch.size(); done += 512) {
      const auto now = static_cast<int32_t>(std::min<size_t>(512, batch.size() - done));
      if (llama_decode(context.get(), llama_batch_get_one(batch.data() + done, now)) != 0) {
        throw std::runtime_error("the bare library cannot decode");
      }
    }
    const float* logits = llama_get_logits_ith(context.get(), -1);
    const auto token = static_cast<int32_t>(std::max_element(logits, logits + llama_vocab_n_tokens(vocab)) - logits);
    if (i == 0) {
      first = Clock::now();
    } else {
      ++after_first;
    }
    if (llama_vocab_is_eog(vocab, token)) {
      break;
    }
    answer.tokens.push_back(token);
    char piece[512];
    const int32_t size = llama_token_to_piece(vocab, token, piece, sizeof piece, 0, false);
    answer.text.append(piece, static_cast<size_t>(std::max(size, 0)));
    batch = {token};
  }
  answer.first_token_ms = seconds(first - start) * 1e3;
  answer.tokens_per_second = after_first / seconds(Clock::now() - first);
  return answer;
}

}  // namespace openpcc::engine
