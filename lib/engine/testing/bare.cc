#include "engine/testing/bare.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "chat.h"
#include "llama.h"
#include "sampling.h"

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

std::string text_of(const llama_vocab* vocab, int32_t token, bool special) {
  char piece[512];
  const int32_t size = llama_token_to_piece(vocab, token, piece, sizeof piece, 0, special);
  return {piece, static_cast<size_t>(std::max(size, 0))};
}

using Sampler = std::unique_ptr<common_sampler, void (*)(common_sampler*)>;

Sampler make_sampler(const llama_model* model, const BareSampling& sampling, const std::vector<int32_t>& prompt) {
  common_params_sampling params;
  params.samplers = {COMMON_SAMPLER_TYPE_PENALTIES, COMMON_SAMPLER_TYPE_TEMPERATURE};
  params.temp = 0;  // the most probable
  params.penalty_last_n = 2048;
  params.penalty_freq = sampling.frequency_penalty;
  params.penalty_present = sampling.presence_penalty;
  params.penalty_repeat = sampling.repetition_penalty;
  for (const auto& [token, bias] : sampling.logit_bias) {
    params.logit_bias.push_back({token, bias});
  }
  Sampler sampler(common_sampler_init(model, params), common_sampler_free);
  if (sampling.repetition_penalty != 1) {
    for (const int32_t token : prompt) {
      common_sampler_accept(sampler.get(), token, false);
    }
  }
  return sampler;
}

// The plain way, over the whole vocabulary.
void add_logprobs(const llama_vocab* vocab, const std::vector<float>& logits, int32_t chosen, BareAnswer& answer) {
  long double sum = 0;
  for (const float logit : logits) {
    sum += std::exp(static_cast<long double>(logit));
  }
  std::vector<std::pair<double, int32_t>> all;
  all.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    all.emplace_back(static_cast<double>(std::log(sum) - logits[i]), static_cast<int32_t>(i));
  }
  answer.logprobs.push_back(-all[static_cast<size_t>(chosen)].first);
  std::sort(all.begin(), all.end());
  auto& top = answer.top.emplace_back();
  for (size_t i = 0; i < 5; ++i) {
    top.emplace_back(text_of(vocab, all[i].second, true), -all[i].first);
  }
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
                            int threads, const BareSampling* sampling) {
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

  Sampler sampler(nullptr, common_sampler_free);
  if (sampling != nullptr) {
    sampler = make_sampler(model.get(), *sampling, answer.prompt);
  }
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
    const std::vector<float> all(logits, logits + llama_vocab_n_tokens(vocab));
    auto token = static_cast<int32_t>(std::max_element(all.begin(), all.end()) - all.begin());
    if (sampler) {
      token = common_sampler_sample(sampler.get(), context.get(), -1);
      common_sampler_accept(sampler.get(), token, true);
    }
    if (i == 0) {
      first = Clock::now();
    } else {
      ++after_first;
    }
    if (llama_vocab_is_eog(vocab, token)) {
      break;
    }
    answer.tokens.push_back(token);
    answer.text += text_of(vocab, token, false);
    if (sampler) {
      add_logprobs(vocab, all, token, answer);
    }
    batch = {token};
  }
  answer.first_token_ms = seconds(first - start) * 1e3;
  answer.tokens_per_second = after_first / seconds(Clock::now() - first);
  return answer;
}

}  // namespace openpcc::engine
