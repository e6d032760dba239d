// speculative_absent.cc - the one symbol that the built part of `common` needs from the part left out (speculative
// decoding). Only common_init_from_params reaches it, which the engine does not use.
#include <stdexcept>

#include "common.h"

common_params common_base_params_to_speculative(const common_params&);
common_params common_base_params_to_speculative(const common_params&) {
  throw std::logic_error("speculative decoding is not part of this build");
}
