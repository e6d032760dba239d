// llama_sampler.cc - the chain of samplers for one request.
#include <cmath>

#include "engine/llama_model.h"
#include "json-schema-to-grammar.h"
#include "json.h"

namespace openpcc::engine {
namespace {

// GBNF for a JSON schema, or nothing where the schema cannot be expressed.
std::optional<std::string> grammar_for(const std::string& schema) {
  try {
    return json_schema_to_grammar(common_json::parse(schema));
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace

std::optional<Refusal> LlamaModel::make_sampler(const Generation& generation, const std::vector<int32_t>& prompt) {
  const auto window = static_cast<int32_t>(context_tokens_);  // penalties look at everything so far
  const Sampling& sampling = generation.sampling;
  const int32_t vocabulary = llama_vocab_n_tokens(vocab_);
  llama_sampler_chain_params params = llama_sampler_chain_default_params();
  params.no_perf = true;
  sampler_.reset(llama_sampler_chain_init(params));
  llama_sampler* chain = sampler_.get();

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
    const auto grammar = grammar_for(generation.json_schema);
    llama_sampler* sampler = grammar ? llama_sampler_init_grammar(vocab_, grammar->c_str(), "root") : nullptr;
    if (sampler == nullptr) {
      return Refusal{400, "the JSON schema cannot be turned into a grammar", "response_format"};
    }
    llama_sampler_chain_add(chain, sampler);
  }
  if (sampling.temperature <= 0) {
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

}  // namespace openpcc::engine
