// Compiled once for each instruction set, with OPENPCC_KERNELS for the name of what it defines.
#include "engine/testing/q4_0_results.h"

#include "../../../cmake/llama/q4_0_rows.h"

namespace openpcc::engine {
namespace {

namespace q4_0 = openpcc_q4_0::OPENPCC_Q4_0_NAMESPACE;

std::vector<float> one_by_one(const Q40Problem& problem) {
  std::vector<float> out(static_cast<size_t>(problem.rows) * problem.columns);
  const auto* matrix = reinterpret_cast<const q4_0::Columns*>(problem.matrix.data());
  const auto* vectors = reinterpret_cast<const q4_0::Values*>(problem.vectors.data());
  for (int row = 0; row < problem.rows; ++row) {
    q4_0::multiply(problem.length, problem.columns, matrix, vectors + static_cast<ptrdiff_t>(row) * problem.length / 32,
                   out.data() + static_cast<ptrdiff_t>(row) * problem.columns);
  }
  return out;
}

std::vector<float> four_by_four(const Q40Problem& problem) {
  std::vector<float> out(static_cast<size_t>(problem.rows) * problem.columns);
  q4_0::multiply_rows(problem.length, problem.columns, reinterpret_cast<const q4_0::Columns*>(problem.matrix.data()),
                      reinterpret_cast<const q4_0::FourRows*>(problem.fours.data()), problem.rows, out.data(),
                      static_cast<size_t>(problem.columns));
  return out;
}

}  // namespace

extern const Q40Kernels OPENPCC_KERNELS;
const Q40Kernels OPENPCC_KERNELS{one_by_one, four_by_four};

}  // namespace openpcc::engine
