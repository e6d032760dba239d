// The matrix products of cmake/llama/q4_0_*.h against a plain computation of the same sums in the same order: equal to
// the last bit, as ggml's own are.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "engine/testing/q4_0_results.h"

namespace openpcc::engine {
namespace {

struct Block {  // 32 numbers and their scale, as one would write them down
  uint16_t scale = 0;
  int numbers[32] = {};
};
using Vector = std::vector<Block>;

float from_half(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const float size = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                   : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return half >> 15 != 0 ? -size : size;
}

float product(const Vector& column, const Vector& row) {
  float sum = 0;
  for (size_t i = 0; i < column.size(); ++i) {
    int dot = 0;
    for (int k = 0; k < 32; ++k) dot += column[i].numbers[k] * row[i].numbers[k];
    sum = std::fma(static_cast<float>(dot), from_half(column[i].scale) * from_half(row[i].scale), sum);
  }
  return sum;
}

std::vector<Vector> random_vectors(std::mt19937& random, int count, int length, int least, int most) {
  std::vector<Vector> out(static_cast<size_t>(count), Vector(static_cast<size_t>(length) / 32));
  for (Vector& vector : out) {
    for (Block& block : vector) {
      block.scale = static_cast<uint16_t>(random() % 0x7c00 | (random() & 0x8000));  // any finite half
      if (random() % 8 != 0) block.scale = static_cast<uint16_t>(0x2000 + random() % 0x800);
      const bool extreme = random() % 8 == 0;
      for (int& number : block.numbers) {
        number = least + static_cast<int>(random() % static_cast<unsigned>(most - least + 1));
        if (extreme) number = random() % 2 == 0 ? least : most;
      }
    }
  }
  return out;
}

void put_scale(std::vector<uint8_t>& out, uint16_t scale) {
  out.push_back(static_cast<uint8_t>(scale));
  out.push_back(static_cast<uint8_t>(scale >> 8));
}

// Eight columns' blocks together: scales, then eight weights of each column in turn; of two that share a byte the later
// one, by 16, has the high bits.
std::vector<uint8_t> packed_columns(const std::vector<Vector>& columns) {
  std::vector<uint8_t> out;
  for (size_t group = 0; group < columns.size(); group += 8) {
    for (size_t i = 0; i < columns[0].size(); ++i) {
      for (size_t c = 0; c < 8; ++c) put_scale(out, columns[group + c][i].scale);
      for (const int begin : {0, 8}) {
        for (size_t c = 0; c < 8; ++c) {
          const int* numbers = columns[group + c][i].numbers;
          for (int k = begin; k < begin + 8; ++k) {
            out.push_back(static_cast<uint8_t>((numbers[k] & 15) | (numbers[k + 16] & 15) << 4));
          }
        }
      }
    }
  }
  return out;
}

std::vector<uint8_t> packed_vectors(const std::vector<Vector>& vectors) {
  std::vector<uint8_t> out;
  for (const Vector& vector : vectors) {
    for (const Block& block : vector) {
      put_scale(out, block.scale);
      for (const int number : block.numbers) out.push_back(static_cast<uint8_t>(number));
    }
  }
  return out;
}

std::vector<uint8_t> packed_fours(const std::vector<Vector>& vectors) {
  std::vector<uint8_t> out;
  for (size_t group = 0; group < vectors.size(); group += 4) {
    for (size_t i = 0; i < vectors[0].size(); ++i) {
      for (size_t r = 0; r < 4; ++r) put_scale(out, vectors[group + r][i].scale);
      for (int begin = 0; begin < 32; begin += 8) {
        for (size_t r = 0; r < 4; ++r) {
          for (int k = begin; k < begin + 8; ++k) {
            out.push_back(static_cast<uint8_t>(vectors[group + r][i].numbers[k]));
          }
        }
      }
    }
  }
  return out;
}

void expect_same_bits(const std::vector<float>& got, const std::vector<float>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(wanted[i])) << "number " << i;
  }
}

void check(const Q40Kernels& kernels) {
  std::mt19937 random(20260512);  // NOLINT(cert-msc51-cpp): the same numbers each time
  const struct {
    int length, columns, rows;
  } shapes[] = {{32, 8, 4}, {64, 16, 8}, {96, 24, 16}, {576, 40, 20}, {4096, 16, 36}, {16416, 8, 4}, {32768, 8, 20}};
  for (const auto& shape : shapes) {
    SCOPED_TRACE(std::to_string(shape.length) + " x " + std::to_string(shape.columns) + " x " +
                 std::to_string(shape.rows));
    const auto columns = random_vectors(random, shape.columns, shape.length, -8, 7);
    const auto rows = random_vectors(random, shape.rows, shape.length, -128, 127);
    std::vector<float> wanted;
    for (const Vector& row : rows) {
      for (const Vector& column : columns) wanted.push_back(product(column, row));
    }
    const Q40Problem problem{shape.length,         shape.columns,     shape.rows, packed_columns(columns),
                             packed_vectors(rows), packed_fours(rows)};
    expect_same_bits(kernels.one_by_one(problem), wanted);
    expect_same_bits(kernels.four_by_four(problem), wanted);
  }
}

TEST(Q40, ProductsWithAvx2AreExact) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) {
    GTEST_SKIP() << "this processor has no AVX2, FMA and F16C";
  }
  check(kQ40Avx2);
}

TEST(Q40, ProductsWithAvx512VnniAreExact) {
  if (!__builtin_cpu_supports("avx512vnni") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    GTEST_SKIP() << "this processor has no AVX-512 with VNNI";
  }
  check(kQ40Vnni512);
}

}  // namespace
}  // namespace openpcc::engine
