// The matrix products of cmake/llama/q4_0_*.h as ggml calls them: what a repacked matrix gives is what ggml's own code
// gives for the same one as it stands in the file. A new llama.cpp with another layout shows here.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "ggml.h"

extern "C" const char* openpcc_cpu_variant(void);  // cmake/llama/dispatch.c

namespace openpcc::engine {
namespace {

constexpr int64_t kLength = 512;
constexpr int64_t kColumns = 96;

ggml_backend_dev_t cpu() {
  return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
}

// Where ggml puts matrices that are to be repacked; null where this processor has no such layout.
ggml_backend_buffer_type_t repacking() {
  auto* extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu()), "ggml_backend_dev_get_extra_bufts"));
  for (ggml_backend_buffer_type_t* type = extra(cpu()); type != nullptr && *type != nullptr; ++type) {
    if (std::string_view(ggml_backend_buft_name(*type)) == "CPU_REPACK") return *type;
  }
  return nullptr;
}

std::vector<float> product(ggml_backend_buffer_type_t where, const std::vector<uint8_t>& matrix,
                           const std::vector<float>& vectors) {
  const auto rows = static_cast<int64_t>(vectors.size()) / kLength;
  const ggml_init_params params{.mem_size = 1 << 20, .mem_buffer = nullptr, .no_alloc = true};
  const std::unique_ptr<ggml_context, decltype(&ggml_free)> weights(ggml_init(params), ggml_free);
  const std::unique_ptr<ggml_context, decltype(&ggml_free)> rest(ggml_init(params), ggml_free);
  const std::unique_ptr<ggml_backend, decltype(&ggml_backend_free)> backend(ggml_backend_dev_init(cpu(), nullptr),
                                                                            ggml_backend_free);
  ggml_tensor* a = ggml_new_tensor_2d(weights.get(), GGML_TYPE_Q4_0, kLength, kColumns);
  ggml_tensor* b = ggml_new_tensor_2d(rest.get(), GGML_TYPE_F32, kLength, rows);
  ggml_tensor* result = ggml_mul_mat(rest.get(), a, b);
  ggml_cgraph* graph = ggml_new_graph(rest.get());
  ggml_build_forward_expand(graph, result);
  using Buffer = std::unique_ptr<ggml_backend_buffer, decltype(&ggml_backend_buffer_free)>;
  const Buffer of_weights(ggml_backend_alloc_ctx_tensors_from_buft(weights.get(), where), ggml_backend_buffer_free);
  const Buffer of_rest(ggml_backend_alloc_ctx_tensors(rest.get(), backend.get()), ggml_backend_buffer_free);
  ggml_backend_tensor_set(a, matrix.data(), 0, matrix.size());
  ggml_backend_tensor_set(b, vectors.data(), 0, vectors.size() * sizeof(float));
  EXPECT_EQ(ggml_backend_graph_compute(backend.get(), graph), GGML_STATUS_SUCCESS);
  std::vector<float> out(static_cast<size_t>(rows * kColumns));
  ggml_backend_tensor_get(result, out.data(), 0, out.size() * sizeof(float));
  return out;
}

TEST(Q40Ggml, ARepackedMatrixGivesWhatThePlainOneGives) {
  ggml_backend_buffer_type_t repacked = repacking();
  if (repacked == nullptr || std::string_view(openpcc_cpu_variant()) == "sse42") {
    GTEST_SKIP() << "without AVX2, ggml does not repack Q4_0";
  }
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same numbers each time
  std::normal_distribution<float> normal;
  std::vector<float> plain(static_cast<size_t>(kLength * kColumns));
  for (float& weight : plain) weight = normal(random);
  std::vector<uint8_t> matrix(ggml_row_size(GGML_TYPE_Q4_0, kLength) * kColumns);
  ASSERT_EQ(ggml_quantize_chunk(GGML_TYPE_Q4_0, plain.data(), matrix.data(), 0, kColumns, kLength, nullptr),
            matrix.size());
  for (const int rows : {1, 3, 4, 7, 16, 39}) {
    SCOPED_TRACE(rows);
    std::vector<float> vectors(static_cast<size_t>(kLength) * static_cast<size_t>(rows));
    for (float& value : vectors) value = normal(random);
    const auto wanted = product(ggml_backend_dev_buffer_type(cpu()), matrix, vectors);
    const auto got = product(repacked, matrix, vectors);
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], wanted[i], 0.02)
          << "number " << i;  // numbers of about sqrt(512); both round the vector alike
    }
  }
}

}  // namespace
}  // namespace openpcc::engine
