// q4_0_results.h - for tests: cmake/llama/q4_0_*.h as compiled for one instruction set each (q4_0_results.cc). Call
// only what the processor can run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace openpcc::engine {

// As ggml has them in memory: see q4_0_columns.h and q4_0_rows.h.
struct Q40Problem {
  int length = 0;
  int columns = 0;
  int rows = 0;
  std::vector<uint8_t> matrix;
  std::vector<uint8_t> vectors;  // each by itself
  std::vector<uint8_t> fours;    // the same, four by four
};

// `rows` times `columns` numbers.
struct Q40Kernels {
  std::vector<float> (*one_by_one)(const Q40Problem& problem);
  std::vector<float> (*four_by_four)(const Q40Problem& problem);
};

extern const Q40Kernels kQ40Avx2;
extern const Q40Kernels kQ40Vnni512;

}  // namespace openpcc::engine
