// llama_sampler.cc - the samplers for one request, and the chances of its tokens.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "common.h"
#include "engine/llama_model.h"
#include "engine/schema_grammar.h"

namespace openpcc::engine {

std::optional<Refusal> LlamaModel::make_sampler(const Generation& generation, const std::vector<int32_t>& prompt) {
  const auto window = static_cast<int32_t>(context_tokens_);  // penalties look at everything so far
  const Sampling& sampling = generation.sampling;
  const int32_t vocabulary = llama_vocab_n_tokens(vocab_);
  llama_sampler_chain_params params = llama_sampler_chain_default_params();
  params.no_perf = true;
  shape_.reset(llama_sampler_chain_init(params));
  choose_.reset(llama_sampler_chain_init(params));
  grammar_.reset();
  llama_sampler* chain = shape_.get();

  std::vector<llama_logit_bias> biases;
  for (const auto& [token, bias] : sampling.logit_bias) {
    if (token >= vocabulary) {
      return Refusal{400, "'logit_bias' names a token that this model does not have", "logit_bias"};
    }
    biases.push_back({token, bias});
  }
  if (sampling.ignore_eos) {
    for (llama_token token = 0; token < vocabulary; ++token) {
      if (llama_vocab_is_eog(vocab_, token)) {
        biases.push_back({token, -INFINITY});
      }
    }
  }
  if (!biases.empty()) {
    llama_sampler_chain_add(
        chain, llama_sampler_init_logit_bias(vocabulary, static_cast<int32_t>(biases.size()), biases.data()));
  }
  if (sampling.frequency_penalty != 0 || sampling.presence_penalty != 0) {
    llama_sampler_chain_add(
        chain, llama_sampler_init_penalties(vocabulary, window, 1.0F, static_cast<float>(sampling.frequency_penalty),
                                            static_cast<float>(sampling.presence_penalty)));
  }
  if (sampling.repetition_penalty != 1) {
    llama_sampler* repetition =
        llama_sampler_init_penalties(vocabulary, window, static_cast<float>(sampling.repetition_penalty), 0.0F, 0.0F);
    for (const int32_t token : prompt) {
      llama_sampler_accept(repetition, token);
    }
    llama_sampler_chain_add(chain, repetition);
  }
  if (!generation.json_schema.empty()) {
    const auto grammar = schema_grammar(generation.json_schema);
    grammar_.reset(grammar ? llama_sampler_init_grammar(vocab_, grammar->c_str(), "root") : nullptr);
    if (!grammar_) {
      return Refusal{400, "the JSON schema, or a pattern in it, cannot be turned into a grammar", "response_format"};
    }
  }
  if (auto refused = make_tool_grammar()) {
    return refused;
  }
  chain = choose_.get();
  // Divided by less than this, logits leave the range of a float, and what is chosen is nonsense.
  constexpr double kLeastTemperature = 1e-6;
  if (sampling.temperature < kLeastTemperature) {
    llama_sampler_chain_add(chain, llama_sampler_init_greedy());
    return std::nullopt;
  }
  if (sampling.top_k > 0) {
    llama_sampler_chain_add(chain, llama_sampler_init_top_k(sampling.top_k));
  }
  llama_sampler_chain_add(chain, llama_sampler_init_temp(static_cast<float>(sampling.temperature)));
  if (sampling.top_p < 1) {
    llama_sampler_chain_add(chain, llama_sampler_init_top_p(static_cast<float>(sampling.top_p), 1));
  }
  if (sampling.min_p > 0) {
    llama_sampler_chain_add(chain, llama_sampler_init_min_p(static_cast<float>(sampling.min_p), 1));
  }
  llama_sampler_chain_add(chain, llama_sampler_init_dist(sampling.seed));
  return std::nullopt;
}

// As llama.cpp's own sampler sets it up (common/sampling.cpp).
std::optional<Refusal> LlamaModel::make_tool_grammar() {
  spelled_out_.clear();
  if (!tool_plan_) {
    return std::nullopt;
  }
  const common_chat_params& params = tool_plan_->params;
  for (const std::string& text : params.preserved_tokens) {
    const std::vector<llama_token> tokens = common_tokenize(vocab_, text, false, true);
    if (tokens.size() == 1) {
      spelled_out_.push_back(tokens[0]);
    }
  }
  if (params.grammar.empty()) {
    return std::nullopt;
  }
  std::vector<std::string> patterns;
  std::vector<llama_token> tokens;
  for (const common_grammar_trigger& trigger : params.grammar_triggers) {
    if (trigger.type == COMMON_GRAMMAR_TRIGGER_TYPE_TOKEN) {
      tokens.push_back(trigger.token);
    } else if (trigger.type == COMMON_GRAMMAR_TRIGGER_TYPE_WORD) {
      patterns.push_back(regex_escape(trigger.value));
    } else if (trigger.type == COMMON_GRAMMAR_TRIGGER_TYPE_PATTERN_FULL) {
      patterns.push_back("^" + trigger.value + "$");
    } else {
      patterns.push_back(trigger.value);
    }
  }
  std::vector<const char*> pointers;
  pointers.reserve(patterns.size());
  for (const std::string& pattern : patterns) {
    pointers.push_back(pattern.c_str());
  }
  try {
    grammar_.reset(params.grammar_lazy ? llama_sampler_init_grammar_lazy_patterns(
                                             vocab_, params.grammar.c_str(), "root", pointers.data(), pointers.size(),
                                             tokens.data(), tokens.size())
                                       : llama_sampler_init_grammar(vocab_, params.grammar.c_str(), "root"));
    if (grammar_ && !params.grammar_lazy) {
      // The grammar begins with what the template has already written of the answer.
      for (const llama_token token : common_tokenize(vocab_, params.generation_prompt, false, true)) {
        llama_sampler_accept(grammar_.get(), token);
      }
    }
  } catch (const std::exception&) {
    grammar_.reset();
  }
  if (!grammar_) {
    return Refusal{400, "'tools' cannot be turned into a grammar for this model", "tools"};
  }
  return std::nullopt;
}

// To hold the whole vocabulary against a grammar takes longer than the model does, so the token is chosen first. Where
// it does not fit, the choice is made anew among those that do: what fits keeps its share of the probability.
std::optional<int32_t> LlamaModel::sample() {
  std::optional<int32_t> token = choose(false);
  if (token && grammar_) {
    llama_token_data one{*token, 1, 0};
    llama_token_data_array only{&one, 1, -1, false};
    llama_sampler_apply(grammar_.get(), &only);
    if (!(one.logit > -INFINITY)) {
      token = choose(true);
    }
  }
  if (token) {
    for (llama_sampler* sampler : {shape_.get(), choose_.get(), grammar_.get()}) {
      if (sampler != nullptr) {
        llama_sampler_accept(sampler, *token);
      }
    }
  }
  return token;
}

std::optional<int32_t> LlamaModel::choose(bool within_grammar) {
  const float* logits = llama_get_logits_ith(context_.get(), -1);
  const int32_t vocabulary = llama_vocab_n_tokens(vocab_);
  candidates_.resize(static_cast<size_t>(vocabulary));
  for (llama_token token = 0; token < vocabulary; ++token) {
    candidates_[static_cast<size_t>(token)] = {token, logits[token], 0};
  }
  llama_token_data_array left{candidates_.data(), candidates_.size(), /*selected=*/-1, /*sorted=*/false};
  llama_sampler_apply(shape_.get(), &left);
  if (within_grammar) {
    llama_sampler_apply(grammar_.get(), &left);
  }
  // The samplers that choose take it for granted that there is something to choose from; a grammar that is then told
  // of a token that does not fit aborts the process.
  if (std::none_of(left.data, left.data + left.size, [](const auto& one) { return one.logit > -INFINITY; })) {
    return std::nullopt;
  }
  llama_sampler_apply(choose_.get(), &left);
  if (left.selected < 0 || static_cast<size_t>(left.selected) >= left.size) {
    return std::nullopt;
  }
  return left.data[left.selected].id;
}

// Of what the model said before any sampler: the logits themselves, made into probabilities.
void LlamaModel::compute_chances() {
  constexpr double kLeast = -9999;  // JSON has no infinity; OpenAI's least number
  const float* logits = llama_get_logits_ith(context_.get(), -1);
  const auto vocabulary = static_cast<size_t>(llama_vocab_n_tokens(vocab_));
  const double most = *std::max_element(logits, logits + vocabulary);
  double sum = 0;
  for (size_t i = 0; i < vocabulary; ++i) {
    sum += std::exp(logits[i] - most);
  }
  const double scale = most + std::log(sum);
  const auto logprob = [&](int32_t token) {
    const double value = logits[token] - scale;
    return value > kLeast ? value : kLeast;
  };
  chances_.chosen = {piece_, logprob(last_)};
  chances_.top.clear();
  const size_t count = std::min<size_t>(*top_logprobs_, vocabulary);
  if (count == 0) {
    return;
  }
  std::vector<int32_t> tokens(vocabulary);
  std::iota(tokens.begin(), tokens.end(), 0);
  const auto before = [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
  std::partial_sort(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count), tokens.end(), before);
  std::string text(longest_token_ + 8, '\0');
  for (size_t i = 0; i < count; ++i) {
    // By name where it is a control token: as an alternative it says that the answer might have ended here.
    const int32_t size =
        llama_token_to_piece(vocab_, tokens[i], text.data(), static_cast<int32_t>(text.size()), 0, /*special=*/true);
    chances_.top.push_back({text.substr(0, static_cast<size_t>(std::max(size, 0))), logprob(tokens[i])});
  }
}

}  // namespace openpcc::engine
