// vocabulary.h - a model's vocabulary without weights. For tests only.
#pragma once

#include "engine/testing/model_files.h"
#include "llama.h"

namespace openpcc::engine {

inline const llama_model* vocabulary() {
  static llama_model* const model = [] {
    llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
    llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    return llama_model_load_from_file(llama3_vocabulary().c_str(), params);
  }();
  return model;
}

}  // namespace openpcc::engine
