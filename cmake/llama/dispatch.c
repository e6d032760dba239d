// dispatch.c - the CPU backend that ggml registers: the best compiled variant that this processor can run.
//
// OPENPCC_CPU_VARIANT (sse42, avx2, avx512, vnni512) in the environment asks for a lesser one, to measure or to
// compare; one that the processor cannot run is not taken. The choice is made when ggml first asks for its backends:
// once, in the process that loads the model.
#include <stdlib.h>
#include <string.h>

#include "ggml-backend.h"
#include "ggml-cpu.h"

typedef ggml_backend_reg_t (*entry_t)(void);

ggml_backend_reg_t openpcc_cpu_reg_sse42(void);
ggml_backend_reg_t openpcc_cpu_reg_avx2(void);
ggml_backend_reg_t openpcc_cpu_reg_avx512(void);
ggml_backend_reg_t openpcc_cpu_reg_vnni512(void);
const char* openpcc_cpu_variant(void);

struct variant {
  const char* name;
  entry_t entry;
  int runs_here;
};

static struct variant choose(void) {
  __builtin_cpu_init();
  // __builtin_cpu_supports also asks whether the system saves the wide registers (XGETBV).
  const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
                   __builtin_cpu_supports("f16c");
  const int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                     __builtin_cpu_supports("avx512bw");
  const int vnni512 = avx512 && __builtin_cpu_supports("avx512vnni");
  (void)vnni512;
  const struct variant variants[] = {  // the most able first
#if OPENPCC_CPU_VNNI512
    {"vnni512", openpcc_cpu_reg_vnni512, vnni512},
#endif
#if OPENPCC_CPU_AVX512
    {"avx512", openpcc_cpu_reg_avx512, avx512},
#endif
#if OPENPCC_CPU_AVX2
    {"avx2", openpcc_cpu_reg_avx2, avx2},
#endif
    {"sse42", openpcc_cpu_reg_sse42, 1},
  };
  const size_t count = sizeof(variants) / sizeof(variants[0]);
  const char* wanted = getenv("OPENPCC_CPU_VARIANT");
  for (size_t i = 0; wanted && i < count; ++i) {
    if (variants[i].runs_here && strcmp(variants[i].name, wanted) == 0) {
      return variants[i];
    }
  }
  for (size_t i = 0; i < count; ++i) {
    if (variants[i].runs_here) {
      return variants[i];
    }
  }
  return variants[count - 1];
}

const char* openpcc_cpu_variant(void) {
  return choose().name;
}

ggml_backend_reg_t ggml_backend_cpu_reg(void) {
  return choose().entry();
}
